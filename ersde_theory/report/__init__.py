"""The report: judged claims and checked derivations as one self-contained web page, as JSON, and as a Record.

The page needs no network: its style and pictures are inside it, formulas are MathML. Everything slow is
imported when a report is made.
"""

from ersde_theory.report._derivations import tally as tally
from ersde_theory.report._document import document as document
from ersde_theory.report._document import summary as summary
from ersde_theory.report._page import page as page
from ersde_theory.report._run import VerifyRun as VerifyRun
from ersde_theory.report._run import write as write
from ersde_theory.report._wording import headline as headline
from ersde_theory.report._wording import shortfall as shortfall

__all__ = ["VerifyRun", "document", "headline", "page", "shortfall", "summary", "tally", "write"]
