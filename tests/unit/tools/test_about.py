"""Help about the program: every topic, in both languages, saying the same things."""

import re
from typing import get_args

import pytest

from unified_intelligence.tools.about import Topic, about
from unified_intelligence.tools.registry import ToolError, built_in, group_names

CODE = re.compile(r"--[a-z][a-z-]*|UIC_[A-Z]+|\b(?:uic|pip) [a-z]+")


@pytest.mark.parametrize("topic", get_args(Topic))
def test_every_topic_says_the_same_in_both_languages(topic: Topic) -> None:
    figures = about(topic).figures
    english, french = str(figures["text_en"]), str(figures["text_fr"])
    assert figures["topic"] == topic
    assert len(english.split()) > 15
    assert len(french.split()) > 15
    assert english != french
    assert set(CODE.findall(english)) == set(CODE.findall(french))
    assert english.count("`") % 2 == french.count("`") % 2 == 0


def test_the_groups_it_names_exist() -> None:
    text = str(about("tools").figures["text_en"])
    for group in ("finance", "calculator", "units", "dates", "glossary"):
        assert group in text
        assert group in group_names()


def test_an_unknown_topic_names_the_known_ones() -> None:
    with pytest.raises(ToolError, match="identity, scope, providers"):
        built_in("about").run({"topic": "weather"})
