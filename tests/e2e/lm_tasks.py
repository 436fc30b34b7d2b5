"""A small suite folder with lm-eval tasks of its own: two that generate, one with choices, all from local files."""

import json
from pathlib import Path

WORDS = ("red", "blue", "green", "one", "two", "three")
GENERATE = """task: {name}
dataset_path: {data}
output_type: generate_until
test_split: test
fewshot_split: train
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_target: "{{{{answer}}}}"
num_fewshot: {shots}
metric_list:
  - metric: exact_match
    ignore_case: true
generation_kwargs: {settings}
"""
FILTERS = """filter_list:
  - name: strict
    filter:
      - function: regex
        regex_pattern: "([a-z]{3,})"
      - function: take_first
  - name: loose
    filter:
      - function: take_first
"""
CHOICE = """task: colours
dataset_path: {data}
output_type: multiple_choice
test_split: test
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_target: 0
doc_to_choice: "{{{{[answer, 'nothing at all']}}}}"
metric_list:
  - metric: acc
  - metric: acc_norm
"""


def write_tasks(folder: Path) -> Path:
    """Write data and YAML; returns the folder to give as a suite's, whose `include_path` is `tasks`."""
    data = folder / "data"
    data.mkdir(parents=True)
    for split, n in (("train", 4), ("test", 9)):
        rows = [{"question": f"what is {i} {WORDS[i % 6]}?", "answer": WORDS[(i + 1) % 6]} for i in range(n)]
        (data / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tasks = folder / "tasks"
    tasks.mkdir()
    greedy = '{until: ["Question:", "\\n", "e"], do_sample: false, temperature: 0.0, max_gen_toks: 24}'
    plain = '{until: ["zq"], do_sample: false, max_gen_toks: 12}'
    texts = {
        "maths.yaml": GENERATE.format(name="maths", data=data, shots=2, settings=greedy) + FILTERS,
        "free.yaml": GENERATE.format(name="free", data=data, shots=0, settings=plain),
        "colours.yaml": CHOICE.format(data=data),
        "all.yaml": "group: everything\ntask: [maths, free, colours]\n",
    }
    for name, text in texts.items():
        (tasks / name).write_text(text)
    return folder
