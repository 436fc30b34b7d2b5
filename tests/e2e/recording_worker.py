"""A training process that also writes down, for each optimizer step, the rows that carried loss in it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from evalgate.training import trainer, worker
from evalgate.training.data import IGNORED


def recording(kind: type[Any], path: Path) -> type[Any]:
    """A trainer's class that notes what each step is given."""

    class Recording(kind):  # type: ignore[misc]
        def get_batch_samples(self, *arguments: Any, **options: Any) -> Any:
            batches, n_items = super().get_batch_samples(*arguments, **options)
            learned = [
                [t for t, label in zip(ids.tolist(), labels.tolist(), strict=True) if label != IGNORED]
                + [len(ids[mask.bool()])]
                for batch in batches
                for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True)
                if bool((labels != IGNORED).any())
            ]
            with path.open("a") as file:
                file.write(json.dumps({"step": self.state.global_step, "rows": learned, "n": int(n_items)}) + "\n")
            return batches, n_items

    return Recording


def record(path: Path) -> None:
    """From now on trainings of this process are recorded."""
    made = trainer.trainer_class
    trainer.trainer_class = lambda: recording(made(), path)


if __name__ == "__main__":
    spec = Path(sys.argv[1])
    record(spec.parent.parent.with_suffix(f".rank{os.environ['RANK']}"))
    worker.main(spec)
