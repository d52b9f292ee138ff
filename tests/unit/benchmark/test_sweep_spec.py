"""A sweep's spec: what it becomes, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from unified_intelligence.benchmark.plan import Load
from unified_intelligence.benchmark.sweep.kinds import name_of
from unified_intelligence.benchmark.sweep.search import Bounds
from unified_intelligence.benchmark.sweep.spec import Sweep, read_sweep
from unified_intelligence.config.keys import is_secret
from unified_intelligence.entities.errors import ConfigurationError

EXAMPLES = Path(__file__).resolve().parents[3] / "docs/examples"
VLLM = "servers:\n  - kind: vllm\n    model: m\n"


def read(folder: Path, text: str) -> Sweep:
    path = folder / "é.yaml"
    path.write_text(text, encoding="utf-8")
    return read_sweep(path, is_secret)


def test_the_example_for_vllm() -> None:
    sweep = read_sweep(EXAMPLES / "sweep_vllm.yaml", is_secret)
    assert [own.name for own in sweep.configurations] == [
        f"tp{tp}_len{length}_batch{batch}" for tp in (1, 2) for length in (1024, 4096) for batch in (8, 24)
    ]
    last = sweep.configurations[-1]
    assert (
        last.command
        == (
            "vllm serve Qwen/Qwen3-8B --host 127.0.0.1 --port {port} --gpu-memory-utilization 0.9 "
            "--no-enable-prefix-caching --tensor-parallel-size 2 --max-model-len 4096 --max-num-seqs 24"
        ).split()
    )
    assert (last.gpus, last.model, last.health, last.ready_within) == (2, "Qwen/Qwen3-8B", "/health", 900.0)
    assert [own.label for own in sweep.loads] == ["c1", "c8", "c24", "c48"]
    assert sweep.loads[0].load == Load(concurrency=1, duration=60.0, warmup_seconds=10.0)
    assert sweep.loads[0].slo == {"ttft": 500.0, "tpot": 30.0}


def test_the_example_for_our_server() -> None:
    sweep = read_sweep(EXAMPLES / "sweep_uic.yaml", is_secret)
    assert [own.name for own in sweep.configurations] == ["batch1", "batch2", "batch4"]
    assert (
        sweep.configurations[1].command[3:]
        == (
            "serve --host 127.0.0.1 --port {port} --log off --provider embedded --served-name embedded --max-running 2"
        ).split()
    )
    assert [own.label for own in sweep.loads] == ["c1", "c4", "knee", "r2"]
    search = sweep.loads[2].search
    assert search is not None and search.bounds == Bounds(0.95, 1, 64)
    assert (search.at(8).label, search.at(8).load) == ("c8", Load(concurrency=8, requests=40, warmup=8))
    assert sweep.loads[3].load == Load(rate=2.0, requests=40, warmup=5)


def test_llama_cpp_and_options_of_every_form(tmp_path: Path) -> None:
    sweep = read(
        tmp_path,
        "servers:\n"
        "  - {kind: llama.cpp, model: d/q.gguf, matrix: {ctx_size: [4096], parallel: 4, flash_attn: ['on', null]}}\n"
        "  - {kind: vllm, model: m, options: {served_model_name: n, lora_modules: [a=b, c=d], extra: {x: [1]}},"
        " matrix: {enforce_eager: [true, false], quantization: [awq]}}\n"
        "loads: {rate: [1.5, 2/s], arrival: constant}\n",
    )
    one, other, eager, lazy = sweep.configurations
    assert (one.name, other.name) == (
        "llama.cpp_len4096_batch4_flash-attn-on",
        "llama.cpp_len4096_batch4_flash-attn-default",
    )
    assert one.command[:5] == ["llama-server", "--model", "d/q.gguf", "--alias", "q.gguf"]
    assert one.command[-2:] == ["--flash-attn", "on"] and "--flash-attn" not in other.command
    assert (one.model, one.gpus, eager.model, eager.gpus) == ("q.gguf", None, "n", 1)
    assert (eager.name, lazy.name) == ("vllm_enforce-eager_awq", "vllm_no-enforce-eager_awq")
    assert eager.command[9:14] == ["--lora-modules", "a=b", "c=d", "--extra", '{"x": [1]}']
    assert [own.load.rate for own in sweep.loads] == [1.5, 2.0]


def test_a_command_has_a_place_for_each_option(tmp_path: Path) -> None:
    text = (
        "servers: {kind: command, model: m, command: 'run \"{a b}\" --n={n} {port}', matrix: {n: [1, 2]}}\n"
        "loads: {concurrency: 1}\n"
    )
    sweep = read(tmp_path, text)
    assert [own.command for own in sweep.configurations] == [["run", "{a b}", f"--n={n}", "{port}"] for n in (1, 2)]
    assert sweep.name == "é"


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        ({"tensor_parallel": 1, "max_model_len": 1024, "max_num_seqs": 24}, "tp1_len1024_batch24"),
        ({"quantization": "fp8", "gpu_memory_utilization": 0.9}, "fp8_mem0.9"),
        ({"max_num_batched_tokens": 8192, "path": "/a b/c"}, "max-num-batched-tokens8192_path-a-b-c"),
    ],
)
def test_names(chosen: dict[str, object], name: str) -> None:
    assert name_of(chosen) == name


WRONG = {
    "servers:\n  - kind: vlm\n    model: m\nloads: {rate: 1}": ":2: servers.0.kind is one of vllm, uic, llama.cpp, com",
    f"{VLLM}    modle: x\nloads: {{rate: 1}}": ":4: servers.0.modle is no key here. Did you mean 'model'?",
    "servers: [{kind: vllm}]\nloads: {rate: 1}": ":1: servers.0 needs the key 'model'",
    "servers: [{kind: uic}]\nloads: {rate: 1}": ":1: servers.0 needs a provider, or a model that runs here",
    f"{VLLM}    options: {{tensor_parallel: 1.5}}\nloads: {{rate: 1}}": ":4: servers.0.options.tensor_parallel takes a",
    f"{VLLM}    options: {{gpu_memory_utilization: 2}}\nloads: {{rate: 1}}": "takes a share above 0 and at most 1, as",
    f"{VLLM}    options: {{hf_token: hf_abc}}\nloads: {{rate: 1}}": ":4: servers.0.options.hf_token may not stand here",
    f"{VLLM}    environment: {{API_KEY: abc}}\nloads: {{rate: 1}}": "servers.0.environment.API_KEY may not stand here",
    f"{VLLM}    options: {{x: 1}}\n    matrix:\n      x: [1]\nloads: {{rate: 1}}": ":6: servers.0.matrix.x is in optio",
    f"{VLLM}    matrix: {{x: [a b, a-b]}}\nloads: {{rate: 1}}": ":1: servers makes two configurations of the name x-a-",
    f"{VLLM}    ready_within: soon\nloads: {{rate: 1}}": ":4: servers.0.ready_within takes a time above 0, as 60s or 1",
    f"{VLLM}    model: n\nloads: {{rate: 1}}": ":4: 'model' is there twice",
    f"{VLLM}loads:\n  - concurrency: 1\n    rate: 2": ":5: loads.0 takes one of concurrency, rate, ramp, trace, fi",
    f"{VLLM}loads:\n  - concurrency: [1, 0]": ":5: loads.0.concurrency.1 takes a whole number from 1, not 0",
    f"{VLLM}loads:\n  - concurrency: 1\n  - concurrency: 1": ":4: loads makes two loads of the name c1",
    f"{VLLM}loads: {{concurrency: 1, slo: {{ttfd: 5ms}}}}": "loads.slo cannot be used: 'ttfd=5ms' is no limit",
    f"{VLLM}loads: {{concurrency: 1, prompts: rien.txt}}": "loads.prompts cannot be used: ",
    f"{VLLM}loads: {{concurrency: 1, requests: 1, duration: 1s}}": "loads.duration and requests both say when it ends",
    f"{VLLM}loads: {{concurrency: 1, arrival: constant}}": "loads.arrival is for rate and ramp",
    "servers:\n  - {kind: command, model: m, command: 'run {prt}'}\nloads: {rate: 1}": "servers.0.command has {prt}, w",
    "servers:\n  - {kind: command, model: m, command: run, options: {n: 1}}\nloads: {rate: 1}": "has no place for the ",
    "servers:\n  - {kind: command, model: m, command: 'run \"'}\nloads: {rate: 1}": "servers.0.command is no command",
    f"{VLLM}loads: {{find: goodput}}": "loads.find needs a slo",
    f"{VLLM}loads: {{find: ttft, slo: ttft=1s}}": "loads.find is one of goodput, not 'ttft'",
    f"{VLLM}loads: {{find: goodput, slo: ttft=1s, at_least: 95}}": "loads.at_least takes a share above 0 and at most 1",
    f"{VLLM}loads: {{find: goodput, slo: ttft=1s, from: 8, most: 4}}": "loads.most is below from, 8",
    f"{VLLM}loads: {{concurrency: 1, most: 4}}": "loads.most is for find",
    f"{VLLM}    matrix: {{x: {'é' * 99}}}\nloads: {{rate: 1}}": ":1: makes a name that no file can have",
    "servers: [": "this is no YAML",
    "": "takes keys with values, not nothing",
}


@pytest.mark.parametrize("text", list(WRONG))
def test_a_wrong_spec_is_told_by_its_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    assert f"{tmp_path / 'é.yaml'}" in caught.value.message
    assert WRONG[text] in caught.value.message


def test_json_needs_no_library_and_says_the_place(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"servers": {"kind": "vllm", "model": "m"}, "loads": {"concurrency": "1"}}')
    with pytest.raises(ConfigurationError) as caught:
        read_sweep(path, is_secret)
    assert caught.value.message == f"{path}: loads.concurrency takes a whole number from 1, not '1'."
