"""What is wrong with photographs and their labels, and what a person decides about it.

In: a manifest, finished runs. Out: a manifest with flags, sizes and clusters of near-duplicates, a
page, a CSV of decisions, and the manifest that follows from them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "photograph_audit": ["audit"],
        "exclusions": ["changes", "drop_flagged"],
        "decisions": ["apply_decisions", "read_decisions", "write_decisions"],
        "cleanvision": ["flag_with_cleanvision"],
        "label_quality": ["flag_label_errors", "label_errors"],
        "page": ["write_audit_report"],
    },
)
