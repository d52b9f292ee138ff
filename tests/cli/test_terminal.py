"""On a terminal: markdown, colours, and nothing of the model's that drives it."""

from __future__ import annotations

from tests.cli.uic_program import Install, Run

HOSTILE = "safe \x1b]0;owned\x07\x1b[2J\x9b31m\u202eé 🎈\x08\x07 end"


def test_auto_is_markdown_on_a_terminal(terminal: Run) -> None:
    ran = terminal("-q", "# Été\n\nSome **bold** text.\n\n```python\nx = 1\n```")
    assert ran.code == 0
    assert "**" not in ran.out
    assert "```" not in ran.out
    assert "\x1b[1mbold\x1b[0m" in ran.out
    assert "Été" in ran.out


def test_lines_stay_lines_on_a_terminal(terminal: Run) -> None:
    """Markdown alone would join them: the formula, what was understood and the note of an answer, say."""
    text = "Formula: p V\nUnderstood: 15 % of 240 🎈\n\n- un\n  deux\n- trois"
    assert terminal("-q", text, NO_COLOR="1").out == (
        "Formula: p V\nUnderstood: 15 % of 240 🎈\n\n • un\n   deux\n • trois\n"
    )


def test_text_on_a_terminal_is_the_text_without_what_drives_it(terminal: Run) -> None:
    assert terminal("-q", HOSTILE, "--format", "text").out == "safe é 🎈 end\n"


def test_markdown_on_a_terminal_too(terminal: Run) -> None:
    ran = terminal("-q", HOSTILE, NO_COLOR="1")
    assert ran.out == "safe é 🎈 end\n"


def test_a_dumb_terminal_gets_text(terminal: Run) -> None:
    assert terminal("-q", "some **bold**", TERM="dumb").out == "some **bold**\n"


def test_errors_on_a_pipe_are_plain_and_forced_colours_are_not(uic: Run) -> None:
    assert "\x1b" not in uic("--qery", "x").err
    assert "\x1b[31m" in uic("--qery", "x", FORCE_COLOR="1").err
    assert "\x1b" not in uic("--qery", "x", FORCE_COLOR="1", NO_COLOR="1").err


def test_a_terminal_on_stdin_is_not_waited_for(terminal: Run) -> None:
    ran = terminal()
    assert ran.code == 2
    assert "Nothing was asked" in ran.err


def test_reasoning_is_talk(uic: Run, plugin: Install) -> None:
    plugin("thinker", THINKER)
    assert uic("-q", "x", "-P", "thinker") == (0, "Réponse.\n", "Je pense…\n")
    assert uic("-q", "x", "-P", "thinker", "--think", "hide") == (0, "Réponse.\n", "")
    assert uic("-q", "x", "-P", "thinker", "--think", "only") == (0, "Je pense…\n", "")


def test_calls_of_tools_are_talk(uic: Run, plugin: Install) -> None:
    plugin("caller", CALLER)
    ran = uic("-q", "x", "-P", "caller", "--tools", "calculator")
    assert ran.out.startswith("It was told: ")
    assert "42" in ran.out
    assert 'calculate({"expression": "6*7"}) = ' in ran.err


THINKER = """
class Generator(InProcessTextGenerator):
    def __init__(self) -> None: ...
    def stream(self, messages, config=None):
        yield ReasoningDelta("Je ")
        yield ReasoningDelta("pense…")
        yield TextDelta("Réponse.")
        yield Finished("stop")
"""
CALLER = """
class Generator(InProcessTextGenerator):
    def __init__(self) -> None: ...
    def stream(self, messages, config=None):
        if messages[-1].role == "tool":
            yield TextDelta("It was told: " + messages[-1].content)
            yield Finished("stop")
            return
        yield ToolCallDelta(0, "c1", "calculate", '{"expression": ')
        yield ToolCallDelta(0, arguments='"6*7"}')
        yield Finished("tool_calls")
"""
