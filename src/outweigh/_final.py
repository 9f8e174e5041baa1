"""The final model of a study, and the study as its user holds it."""

from typing import Any

from outweigh._answer import Study
from outweigh._findings import looks_at
from outweigh._model import DEFAULT, Model, learned
from outweigh._network import default_network
from outweigh._record import record
from outweigh._shapes import Shape
from outweigh._study import Evidence


def answered(
    evidence: Evidence, trainer: Any, *, network_name: str | None = None, frame_of: Any = None
) -> Study:
    """Give the study of a trainer's evidence.

    Parameters
    ----------
    evidence : Evidence
    trainer : KerasTrainer, or what trains as it does
    network_name : str, optional
        What the user calls the network.
    frame_of : frame, optional
        One of the kind that frames are given back in.
    """
    e = evidence
    name = network_name or name_of(trainer.build)
    return Study(
        e.decisions,
        e.verdict,
        chosen=e.final.settings[0].name,
        results=lambda: _results(e, trainer),
        model=lambda: model_of(e, trainer.build, name),
        frame_of=frame_of,
    )


def _results(e: Evidence, trainer: Any) -> dict[str, Any]:
    """Give every number of a study."""
    n_labels = e.final.label and e.final.label[1]
    about = trainer.describe(len(e.final.features.names), len(e.table.classes), n_labels=n_labels)
    return record(e, about_network=about, outcomes=looks_at(e))


def model_of(evidence: Evidence, build: Any, network_name: str) -> Model:
    """Give the chosen setting, trained on every row that is not a test row.

    Raises
    ------
    NetworkError
        When the final network diverged with every seed.
    """
    e = evidence
    parameters, n_trainable = learned(e.final.trained)
    used = e.final.settings[0].name
    s = e.predictions.settings.index(used)
    return Model(
        classes=e.table.classes,
        setting=used,
        class_weight=e.final.class_weight[0],
        label=e.final.label,
        shape=Shape(*(values[0] for values in e.final.shape)),
        prior=e.predictions.shares,
        repair=e.decisions.calibrated.final[s],
        factor=e.decisions.factor,
        rule=e.decisions.final_rules[s] if e.decisions.final_rules else None,
        amount_column=e.table.amount_column,
        features=e.final.features,
        missing=e.table.missing,
        parameters=parameters,
        n_trainable=n_trainable,
        build=build,
        network=network_name,
        target=e.table.target,
        source=e.table.source,
        sketch=e.final.trained[0].sketch,
    )


def name_of(build: Any) -> str:
    return DEFAULT if build is default_network else getattr(build, "__name__", "your own")
