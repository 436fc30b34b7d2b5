"""What libyaml reads is what PyYAML's own parser reads: the same values on the same lines, the same complaints."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalgate.config.document import Document, Problems, _Loader, _node

ROOT = Path(__file__).parents[2]
FILES = sorted(path for name in ("suites", "baselines", "docs") for path in (ROOT / name).rglob("*.yaml"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
PIECES = ("a", "key: ", "- ", "\n", "  ", "{", "}", "[", "]", ", ", " # said\n", "'", '"', "&x ", "*x", "|\n", "2e-4")


def tree(node: yaml.Node | None) -> Any:
    """Tags, texts and lines."""
    if isinstance(node, yaml.SequenceNode):
        return (node.tag, node.start_mark.line, [tree(child) for child in node.value])
    if isinstance(node, yaml.MappingNode):
        return (node.tag, node.start_mark.line, [(tree(key), tree(child)) for key, child in node.value])
    return None if node is None else (node.tag, node.start_mark.line, node.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_our_own_files(path: Path) -> None:
    assert tree(_node(path.read_text())) == tree(_Loader(path.read_text()).get_single_node())


@pytest.mark.slow
@given(
    st.dictionaries(st.text(max_size=6), VALUES, max_size=5), st.booleans(), st.sampled_from([None, "'", '"', "|", ">"])
)
def test_whatever_data_is_written(data: dict[str, Any], flow: bool, style: str | None) -> None:
    for unicode in (False, True):
        text = yaml.safe_dump(data, default_flow_style=flow, default_style=style, allow_unicode=unicode)
        assert tree(_node(text)) == tree(_Loader(text).get_single_node())


def complaint(text: str, read: Any) -> str | None:
    try:
        read(text)
    except yaml.YAMLError as error:
        return str(error)
    return None


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_pieces_of_yaml_are_complained_of_in_the_same_words(text: str) -> None:
    said = complaint(text, lambda t: _Loader(t).get_single_node())
    assert complaint(text, _node) in (said, None)
    if said is None:
        assert tree(_node(text)) == tree(_Loader(text).get_single_node())


def test_a_number_without_a_point_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("rate: 2e-4\ntext: '2e-4'\n")
    assert Document(tmp_path / "a.yaml", Problems()).data == {"rate": 2e-4, "text": "2e-4"}
