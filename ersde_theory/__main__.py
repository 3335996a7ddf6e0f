"""``python -m ersde_theory`` is the command line."""

from ersde_theory.cli import main

if __name__ == "__main__":
    main()
