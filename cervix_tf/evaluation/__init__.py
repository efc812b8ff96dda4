"""Labels and probabilities, or a run, become figures, plots and a report.

In: class indices and probabilities, a run folder. Out: a dict of figures, PNG files, one HTML page.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "scores": ["log_loss"],
        "figures": ["evaluate", "figures_of"],
        "measuring": ["measures"],
        "plots": ["plot_confusion", "plot_prevalence", "plot_reliability"],
        "curves": ["plot_curves"],
        "sheets": ["plot_mistakes", "plot_predictions"],
        "outputs": ["write_evaluation"],
        "label_quality": ["flag_label_errors", "label_errors"],
        "audit_report": ["write_audit_report"],
        "reports": ["write_report"],
        "exploring": ["explore"],
        "attribution": ["integrated_gradients", "mass_inside", "saliency"],
        "gradients": ["gradcam_layer"],
        "explaining": ["Explanation", "explain"],
        "explaining_plots": ["overlay"],
        "examining": ["Examined", "examine"],
        "demonstrating": ["demo_page", "serve_demo"],
    },
)
