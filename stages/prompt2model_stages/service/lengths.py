"""How many tokens an input comes to, counted beside the student's answers and not between them."""

from __future__ import annotations

import asyncio
import copy
from concurrent.futures import ThreadPoolExecutor

from prompt2model_api.base import Architecture
from prompt2model_stages.preprocessing import Preprocessing
from prompt2model_stages.service.input_length import Length, Measure
from prompt2model_stages.student.encoding import StudentEncoder


def lengths_of(encoder: StudentEncoder, preprocessing: Preprocessing) -> Measure:
    """Measures raw inputs as this encoder would cut them.

    The tokenizer is a copy: one that sets its truncation while another thread reads with it raises "Already borrowed".
    """
    tokenizer = copy.deepcopy(encoder.tokenizer)
    thread = ThreadPoolExecutor(1, "measuring")
    settings = encoder.settings
    separator = len(tokenizer([settings.separator], add_special_tokens=False)["input_ids"][0])
    is_decoder = settings.architecture is Architecture.DECODER_ONLY
    limit = max(1, settings.max_input_tokens - separator) if is_decoder else settings.max_input_tokens

    def count(texts: list[str]) -> list[int]:
        found = tokenizer(texts)["input_ids"]
        ends = [is_decoder and bool(ids) and ids[-1] == encoder.end for ids in found]
        return [len(ids) - end for ids, end in zip(found, ends, strict=True)]

    instruction = count([preprocessing.text("")])[0]

    def measure(texts: list[str]) -> list[Length]:
        counts = count([preprocessing.text(text) for text in texts])
        return [Length(max(0, tokens - instruction), min(instruction, tokens), limit) for tokens in counts]

    async def measured(texts: list[str]) -> list[Length]:
        return await asyncio.get_running_loop().run_in_executor(thread, measure, texts)

    measure(["a text, so that the tokenizer has its settings before anybody waits"])
    return measured
