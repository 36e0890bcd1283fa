"""Which architecture a model of a hub's list has: by the class and the type that its config names."""

from __future__ import annotations

from prompt2model_api.base import Architecture

TEXT_TASKS = ("text2text-generation", "translation", "summarization", "text-generation")
"""The hub's pipeline tags of models that read text and write text."""

_TYPES = """
bart bigbird_pegasus blenderbot blenderbot-small encoder-decoder fsmt led longt5 m2m_100 marian mbart mt5 mvp nllb-moe pegasus
pegasus_x plbart prophetnet switch_transformers t5 t5gemma umt5 xlm-prophetnet
"""
_NAMES = """
Bart BigBirdPegasus Blenderbot BlenderbotSmall FSMT LED LongT5 M2M100 MBart MT5 Mvp NllbMoe PLBart Pegasus PegasusX ProphetNet
SwitchTransformers T5 T5Gemma UMT5 XLMProphetNet
"""
_GENERATES = "ForConditionalGeneration"
"""The end of a class's name that sequence-to-sequence models share with those that read pictures or sound."""
SEQUENCE_TO_SEQUENCE_TYPES = frozenset(_TYPES.split())
SEQUENCE_TO_SEQUENCE = frozenset(
    {*(name + _GENERATES for name in _NAMES.split()), "MarianMTModel", "EncoderDecoderModel", "T5WithLMHeadModel"}
)
"""Classes of text models; T5WithLMHeadModel is the first name of T5ForConditionalGeneration."""


def architecture_of(config: object, task: object) -> Architecture | None:
    """The architecture of a model that reads text and writes text; None where it is not known to be one.

    Args:
        config: `architectures` and `model_type` of its config.json.
        task: its pipeline tag; None: not known.
    """
    if not isinstance(config, dict) or (task is not None and task not in TEXT_TASKS):
        return None
    names, kind = config.get("architectures"), config.get("model_type")
    name = str(names[0]) if isinstance(names, list) and names else ""
    known_type = kind in SEQUENCE_TO_SEQUENCE_TYPES
    if name in SEQUENCE_TO_SEQUENCE or (known_type and (not name or name.endswith(_GENERATES))):
        return Architecture.ENCODER_DECODER
    if not known_type and name.endswith(("ForCausalLM", "LMHeadModel")) and not name.endswith("WithLMHeadModel"):
        return Architecture.DECODER_ONLY
    return None
