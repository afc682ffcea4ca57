"""What we rely on inside TRL, transformers and vLLM is what it was when we looked, and all our patches stand together.

Their source is read, not imported: seconds, and no patch of this process in the way. A failure after an upgrade names
the hook, the files of ours that rely on it and what changed: look there, then write down here what you saw.
"""

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT

LOOKED_AT = {"trl": "1.16.0", "transformers": "5.17.0", "vllm": "0.31.0", "accelerate": "1.15.0"}

# --- the tables --------------------------------------------------------------

BASE, TRAINER = "trl/trainer/base_trainer.py:_BaseTrainer", "transformers/trainer.py:Trainer"
GRPO, RLOO = "trl/trainer/grpo_trainer.py:GRPOTrainer", "trl/trainer/rloo_trainer.py:RLOOTrainer"
SFT, REWARD = "trl/trainer/sft_trainer.py:SFTTrainer", "trl/trainer/reward_trainer.py:RewardTrainer"
DPO = "trl/trainer/dpo_trainer.py:DPOTrainer"

_GRPO, _RLOO, _SFT, _REWARD, _DPO = ((first, BASE, TRAINER) for first in (GRPO, RLOO, SFT, REWARD, DPO))
OURS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "r1/training/checkpoints.py": (_GRPO, _RLOO, _SFT, _REWARD, _DPO, (TRAINER,)),
    "r1/rl/validation.py": (_GRPO, _RLOO),
    "r1/rl/watched.py": (_GRPO, _RLOO),
    "r1/rl/group_trainer.py": (_GRPO,),
    "r1/rl/token_trainer.py": (_GRPO,),
    "r1/rl/trainers.py": (_RLOO,),
    "r1/finetuning/pretrain.py": ((TRAINER,),),
    "r1/finetuning/sft.py": (_SFT,),
    "r1/finetuning/reward_model.py": (_REWARD,),
    "r1/questions/long_to_short/preference.py": (_DPO,),
}
"""Our trainers and mixins, and what each stands before: classes in the order in which Python looks a name up."""

_ROLLOUTS = {
    "_calculate_rewards": "(self, inputs, prompts, completions, completion_ids_list)",
    "_compute_loss": "(self, model, inputs)",
    "_generate": "(self, prompts: list)",
    "_generate_and_score_completions": "(self, inputs: list[dict[str, torch.Tensor | Any]])",
    "_get_per_token_logps_and_entropies": "(self, model, input_ids, attention_mask, logits_to_keep, batch_size=None, "
    "compute_entropy=False, compute_aux_loss=False, pixel_values=None, image_grid_thw=None, num_images=None, "
    "pixel_attention_mask=None, spatial_shapes=None, num_tiles=None, image_sizes=None, token_type_ids=None, "
    "mm_token_type_ids=None, image_position_ids=None)",
    "_log_metric": "(self, name: str, value: float)",
    "_metrics": "{'train': defaultdict(list), 'eval': defaultdict(list)}",
    "_tokenize_prompts": "(self, prompts: list)",
    "_prepare_inputs": "(self, generation_batch: dict[str, torch.Tensor | Any])",
}
_SAVED = {"_save_checkpoint": "(self, model, trial)", "_total_train_tokens": "0"}
HOOKS: Mapping[str, Mapping[str, str]] = {
    GRPO: {
        **_ROLLOUTS,
        **_SAVED,
        "_generate_single_turn": "(self, prompt_ids, images, multimodal_fields, num_generations, "
        "has_tool_images=False)",
        "_tokenizer": "processing_class or processing_class.tokenizer",
    },
    RLOO: {**_ROLLOUTS, **_SAVED, "_generate_single_turn": "(self, prompt_ids, images, multimodal_fields)"},
    SFT: _SAVED,
    REWARD: _SAVED,
    DPO: {
        **_SAVED,
        "_prepare_dataset": "(self, dataset: Dataset | IterableDataset, processing_class: PreTrainedTokenizerBase | "
        "ProcessorMixin, args: DPOConfig, dataset_name: str)",
    },
    TRAINER: {
        "_clip_grad_norm": "(self, model)",
        "_load_from_checkpoint": "(self, resume_from_checkpoint: str, model: nn.Module | None=None)",
        "_save_checkpoint": "(self, model: nn.Module, trial: 'optuna.Trial | dict[str, Any] | None')",
    },
}
"""By class, the private methods and attributes that our trainers override, call or set: parameters, or values."""

_LAYERS = "vllm/model_executor/layers"
_UNITS = {
    "trl/models/utils.py:prepare_fsdp": "f01b99fa9d5fcc4b",
    "accelerate/utils/fsdp_utils.py:fsdp2_prepare_model": "10575d4c0e6f8985",
}
PATCHES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "trl.import_utils.is_vllm_available": (
        "hide_vllm_from_trl",
        {"trl/import_utils.py:is_vllm_available": "9a8613bc07f45567"},
    ),
    "vllm.model_executor.layers.utils.dispatch_cpu_unquantized_gemm": (
        "keep_cpu_weights_loadable",
        {
            f"{_LAYERS}/utils.py:dispatch_cpu_unquantized_gemm": "83c37c89a715d31d",
            f"{_LAYERS}/linear.py:UnquantizedLinearMethod.process_weights_after_loading": "068b1bf236436ffc",
        },
    ),
    "trl.generation.vllm_generation.LLM": (
        "set_trl_engine_options",
        {"trl/generation/vllm_generation.py:VLLMGeneration._init_vllm": "255302825d3b8d12"},
    ),
    "trl.trainer.grpo_trainer.prepare_fsdp": ("shard_reference_by_layer", _UNITS),
    "trl.trainer.rloo_trainer.prepare_fsdp": ("shard_reference_by_layer", _UNITS),
    "vllm.model_executor.layers.rotary_embedding.base.RotaryEmbedding.forward_cpu": (
        "rotate_natively_on_cpu",
        {
            f"{_LAYERS}/rotary_embedding/base.py:RotaryEmbedding.forward_cpu": "5ff73ba05ad2eaf4",
            f"{_LAYERS}/rotary_embedding/base.py:RotaryEmbedding.forward_native": "b1802573f813bf34",
        },
    ),
}
"""By what r1/models/patches.py replaces: which function of it does, and the code it was written against, by hash."""

OWN_PROCESS = {"r1/tasks/math_worker.py"}
"""Programs of their own that import nothing of r1: what they patch reaches no other process."""
MEANT_TO_BE_SET = {"os.environ", "sys.argv", "sys.dont_write_bytecode", "sys.modules", "sys.stdout"}
"""By Python itself."""


# --- their source ------------------------------------------------------------


def read(path: str) -> str:
    """A file of an installed package."""
    package, _, rest = path.partition("/")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    file = Path(spec.origin).parent / rest
    return file.read_text() if file.is_file() else ""


def installed(path: str) -> str:
    """Package and version, as found and as looked at."""
    package = path.partition("/")[0]
    for name in (package, f"{package}-cpu"):
        try:
            return f"{package} {version(name)}, looked at {LOOKED_AT[package]}"
        except PackageNotFoundError:
            continue
    return package


def definition(source: str, name: str) -> ast.stmt | None:
    """A function or class of a module, or, with a dot, a method."""
    first, _, rest = name.partition(".")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == first:
            if not rest:
                return node
            return next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == rest), None)
    return None


def members(source: str, name: str) -> dict[str, str]:
    """Of a class: its methods with their parameters, and the attributes of self with all values they are given."""
    node = definition(source, name)
    methods: dict[str, str] = {}
    values: dict[str, set[str]] = {}
    for inner in ast.walk(node) if node else ():
        if isinstance(inner, ast.FunctionDef) and isinstance(node, ast.ClassDef) and inner in node.body:
            methods[inner.name] = f"({ast.unparse(inner.args)})"
        elif isinstance(inner, ast.Assign):
            for target in inner.targets:
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                    values.setdefault(target.attr, set()).add(ast.unparse(inner.value))
    return {name: " or ".join(sorted(given)) for name, given in values.items()} | methods


@cache
def installed_members(owner: str) -> dict[str, str]:
    path, name = owner.split(":")
    return members(read(path), name)


def digest(source: str, name: str) -> str:
    """Of a function's source as it stands; empty if there is none."""
    node = definition(source, name)
    return hashlib.sha256((ast.get_source_segment(source, node) or "").encode()).hexdigest()[:16] if node else ""


# --- our source --------------------------------------------------------------


def private_names(source: str) -> set[str]:
    """What our classes define, or take from self or super(), with one leading underscore."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "super()"):
            names.add(node.attr)
        elif isinstance(node, ast.ClassDef):
            names |= {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def relied_on() -> dict[tuple[str, str], list[str]]:
    """By class and name, the files of ours that rely on it: the first class of each chain that has the name."""
    found: dict[tuple[str, str], list[str]] = {}
    for file, chains in OURS.items():
        for name in private_names((ROOT / file).read_text()):
            owners = {next((owner for owner in chain if name in installed_members(owner)), None) for chain in chains}
            for owner in owners - {None}:
                assert owner is not None
                found.setdefault((owner, name), []).append(file)
    return found


def changes(
    hooks: Mapping[str, Mapping[str, str]],
    found: Callable[[str], Mapping[str, str]],
    users: Mapping[str, Iterable[str]],
) -> Iterator[str]:
    """A message for each hook that is not as it was."""
    for owner, expected in hooks.items():
        for name, seen in expected.items():
            now = found(owner).get(name)
            if now != seen:
                who = ", ".join(users.get(name, ())) or "nothing of ours any more"
                yield (
                    f"{owner}.{name} ({installed(owner)}), on which {who} relies:\n"
                    f"  looked at: {seen}\n  installed: {now or 'gone, or moved to another class'}"
                )


def foreign_assignments(source: str) -> Iterator[tuple[str, str]]:
    """The function that does it ('' outside any), and the full name of what is set on something imported, not ours."""
    tree = ast.parse(source)
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {
                one.asname or one.name.partition(".")[0]: one.name if one.asname else one.name.partition(".")[0]
                for one in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    foreign = {name: full for name, full in imported.items() if full.partition(".")[0] != "r1"}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in ast.walk(tree):
        for target in _targets(node):
            root = target.partition(".")[0]
            if "." in target and root in foreign:
                within = [one for one in functions if any(inner is node for inner in ast.walk(one))]
                yield (within[0].name if within else ""), target.replace(root, foreign[root], 1)


def _targets(node: ast.AST) -> Iterator[str]:
    """Dotted names that a statement sets, deletes, or sets an item of."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign | ast.Delete):
        targets = list(node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr"):
        yield f"{ast.unparse(node.args[0])}.{ast.unparse(node.args[1]).strip(chr(39))}"
    while targets:
        target = targets.pop()
        if isinstance(target, ast.Tuple | ast.List):
            targets += target.elts
        elif isinstance(target, ast.Subscript):
            targets.append(target.value)
        else:
            yield ast.unparse(target)


# --- hooks -------------------------------------------------------------------


def test_hooks_are_what_they_were() -> None:
    users: dict[str, list[str]] = {}
    for (_, name), files in relied_on().items():
        users[name] = sorted({*users.get(name, ()), *files})
    said = list(changes(HOOKS, installed_members, users))
    assert not said, "\n".join(said)


def test_vllm_returns_log_probabilities_third() -> None:
    """r1/rl/trainers.py takes them from there for RLOO; r1/rl/watched.py takes GRPO's from the batch."""
    generation = "trl/generation/vllm_generation.py"
    node = definition(read(generation), "VLLMGeneration.generate")
    assert node is not None
    assert "'logprobs': self.logprobs" in ast.unparse(node)
    assert ast.unparse(node).endswith("return (prompt_ids, completion_ids, logprobs, logprob_token_ids)")
    batch = definition(read(GRPO.split(":")[0]), "GRPOTrainer._generate_and_score_completions")
    assert batch is not None and "output['sampling_per_token_logps'] = sampling_per_token_logps" in ast.unparse(batch)


def test_every_hook_that_is_relied_on_is_in_the_table() -> None:
    """Also a name of ours that a new version takes for something of its own: we would override it unawares."""
    listed = {(owner, name) for owner, hooks in HOOKS.items() for name in hooks}
    found = relied_on()
    unlisted = [
        f"{', '.join(files)}: {owner}.{name}{installed_members(owner)[name]} is in no table"
        for (owner, name), files in found.items()
        if (owner, name) not in listed
    ]
    assert not unlisted, "\n".join(sorted(unlisted))
    assert not listed - set(found), "nothing of ours relies on these any more"


def test_every_trainer_of_ours_is_looked_at() -> None:
    trainers = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob("r1/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("Trainer") for base in node.bases)
    }
    assert "r1/rl/trainers.py" in trainers and trainers <= set(OURS)


def test_a_hook_that_changed_is_named_with_who_relies_on_it() -> None:
    source = (
        "class GRPOTrainer:\n    def __init__(self):\n        self._metrics = {}\n    def _generate(self, prompts): 1\n"
    )
    expected = {"_generate": "(self, prompts)", "_metrics": "{}"}

    def said(changed: str) -> str:
        found = members(changed, "GRPOTrainer")
        return "\n".join(changes({GRPO: expected}, lambda _: found, {"_generate": ["r1/rl/watched.py"]}))

    assert said(source) == ""
    other = said(source.replace("(self, prompts)", "(self, prompts, images)"))
    assert f"{GRPO}._generate (trl " in other and "on which r1/rl/watched.py relies" in other
    assert "looked at: (self, prompts)\n  installed: (self, prompts, images)" in other
    assert "installed: gone" in said(source.replace("_generate", "_sample"))
    assert "_metrics" in said(source.replace("= {}", "= []"))


# --- patches -----------------------------------------------------------------


@pytest.mark.parametrize("replaced", PATCHES)
def test_patched_code_is_what_it_was(replaced: str) -> None:
    function, pieces = PATCHES[replaced]
    said = [
        f"r1/models/patches.py:{function} replaces {replaced}, and {piece} ({installed(piece)}) is other code now: "
        f"{digest(read(piece.split(':')[0]), piece.split(':')[1]) or 'gone'}, looked at {seen}; "
        "is the patch still needed, and right?"
        for piece, seen in pieces.items()
        if digest(read(piece.split(":")[0]), piece.split(":")[1]) != seen
    ]
    assert not said, "\n".join(said)


def test_the_table_holds_every_patch_and_each_says_what_lets_it_go() -> None:
    source = (ROOT / "r1/models/patches.py").read_text()
    assert sorted((target, function) for function, target in foreign_assignments(source)) == sorted(
        (replaced, function) for replaced, (function, _) in PATCHES.items()
    )
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    assert {node.name for node in functions} == {function for function, _ in PATCHES.values()}
    for node in functions:
        assert "Can go once " in " ".join((ast.get_docstring(node) or "").split()), node.name


def test_no_other_module_changes_what_it_imports() -> None:
    said = [
        f"{path.relative_to(ROOT)} sets {target}: r1/models/patches.py is the place for it"
        for path in (*ROOT.glob("r1/**/*.py"), *ROOT.glob("stages/*.py"))
        if path != ROOT / "r1/models/patches.py"
        for _, target in foreign_assignments(path.read_text())
        if target not in MEANT_TO_BE_SET and path.relative_to(ROOT).as_posix() not in OWN_PROCESS
    ]
    assert not said, "\n".join(said)


@pytest.mark.parametrize(
    ("statement", "target"),
    [
        ("import trl.import_utils as found\nfound.is_ready = 1", "trl.import_utils.is_ready"),
        ("import trl\ntrl.GRPOTrainer.train = None", "trl.GRPOTrainer.train"),
        ("from trl import GRPOTrainer as T\n(a, T.log) = 1, 2", "trl.GRPOTrainer.log"),
        ("from trl import GRPOTrainer\nsetattr(GRPOTrainer, 'log', 1)", "trl.GRPOTrainer.log"),
        ("from trl import GRPOTrainer\ndel GRPOTrainer.log", "trl.GRPOTrainer.log"),
        ("import torch\ntorch.backends.flags['a'] = 1", "torch.backends.flags"),
        ("from r1.rl import train\ntrain.pd = 1", None),
        ("import trl\nmine = trl.GRPOTrainer()", None),
        ("import trl\ndef f(tokenizer):\n    tokenizer.pad_token = 1", None),
    ],
)
def test_what_counts_as_a_patch(statement: str, target: str | None) -> None:
    assert [found for _, found in foreign_assignments(statement)] == ([] if target is None else [target])
