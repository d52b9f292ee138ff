"""What a Gradio Space is set to."""

from __future__ import annotations

import pytest

from unified_intelligence.config.space import SpaceSettings, read_space_settings
from unified_intelligence.entities.errors import ConfigurationError


def test_without_variables_it_is_qwen3() -> None:
    settings = read_space_settings({"PATH": "x", "MODEL_ID": "", "MAX_TOKENS": " "})
    assert settings == SpaceSettings()
    options = {"model": "Qwen/Qwen3-8B", "dtype": "bfloat16", "quantization": "none", "engine": "auto"}
    assert settings.provider() == ("local", options)


def test_variables_are_stronger() -> None:
    settings = read_space_settings(
        {"MODEL_ID": "me/own", "MODEL_REVISION": "abc", "DTYPE": "auto", "GPU_SECONDS": "60"}
    )
    assert settings.gpu_seconds == 60
    assert settings.provider()[1].items() >= {"model": "me/own", "revision": "abc", "dtype": "auto"}.items()


def test_the_embedded_model_takes_no_options() -> None:
    settings = read_space_settings({"MODEL_ID": "embedded", "DTYPE": "float16"})
    assert settings.is_embedded and settings.provider() == ("embedded", {})


@pytest.mark.parametrize("text", ["many", "-1", "0", "1.5", "٣"])
def test_a_number_that_is_none_is_refused_by_its_variable(text: str) -> None:
    with pytest.raises(ConfigurationError, match="GPU_SECONDS"):
        read_space_settings({"GPU_SECONDS": text})


def test_the_default_length_fits_the_greatest() -> None:
    with pytest.raises(ConfigurationError, match="DEFAULT_TOKENS is 2048"):
        read_space_settings({"MAX_TOKENS": "100"})
