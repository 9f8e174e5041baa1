"""scikit-learn's callbacks, told how far a fit is."""

from collections.abc import Callable
from typing import Any

from outweigh._chunk import Progress

STEPS = 100  # that a fit is told in
DONE = Progress(lanes=0, lanes_done=0, epochs_done=0, share_done=1.0)


def told(estimator: Any) -> Callable[[Progress], None]:
    """Begin a fit for an estimator's callbacks; what is given tells them of progress.

    `DONE` ends it; what ends otherwise is torn down by ``with_callbacks``.
    """
    context = estimator._init_callback_context(max_subtasks=STEPS)  # named in scikit-learn's guide
    context.call_on_fit_task_begin(estimator=estimator)
    done = 0

    def tell(progress: Progress) -> None:
        nonlocal done
        while done < int(STEPS * progress.share_done + 1e-9):
            step = context.subcontext(task_name="step")
            step.call_on_fit_task_begin(estimator=estimator)
            step.call_on_fit_task_end(estimator=estimator)
            done += 1
        if progress is DONE:
            context.call_on_fit_task_end(estimator=estimator)

    return tell
