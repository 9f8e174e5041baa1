"""Keras's own batches by number, with weights. Imported only where such a data set came."""

from typing import Any

import keras

from outweigh._batches import Weighing


class WeightedDataset(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """The batches of another data set with their weights, loaded as it says.

    Parameters
    ----------
    data : keras.utils.PyDataset
    weighing : Weighing
    """

    def __init__(self, data: Any, weighing: Weighing) -> None:
        super().__init__(
            workers=data.workers,
            use_multiprocessing=data.use_multiprocessing,
            max_queue_size=data.max_queue_size,
        )
        self.data = data
        self.weighing = weighing

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        """Give a batch (x, y, row weight)."""
        return self.weighing(self.data[index])

    def __len__(self) -> int:
        """Give the number of batches, where there is one."""
        return int(self.num_batches)

    @property
    def num_batches(self) -> Any:
        """The number of batches; None where they never end."""
        return self.data.num_batches

    def on_epoch_begin(self) -> None:
        """Tell the data set."""
        self.data.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the data set."""
        self.data.on_epoch_end()
