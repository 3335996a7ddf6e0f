"""``python -m ersde_theory.derivations``: check every derivation."""

import sys

from ersde_theory.derivations.verification import main

sys.exit(main())
