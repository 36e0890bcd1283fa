"""Search: which texts of a catalog are nearest to a query, by words, by meaning, and by both."""

from prompt2model_stages.catalogs.search.dense import DenseIndex
from prompt2model_stages.catalogs.search.encoders import EncoderUnusable
from prompt2model_stages.catalogs.search.fusion import FusedIndex, Weights
from prompt2model_stages.catalogs.search.lexical import BuiltIndex, LexicalIndex, MemoryIndex
from prompt2model_stages.catalogs.search.opening import (
    build_lexical,
    build_vectors,
    has_vectors,
    open_lexical,
    open_vectors,
)
from prompt2model_stages.catalogs.search.protocol import Hit, Index, IndexUnusable, Searchable

__all__ = [
    "BuiltIndex",
    "DenseIndex",
    "EncoderUnusable",
    "FusedIndex",
    "Hit",
    "Index",
    "IndexUnusable",
    "LexicalIndex",
    "MemoryIndex",
    "Searchable",
    "Weights",
    "build_lexical",
    "build_vectors",
    "has_vectors",
    "open_lexical",
    "open_vectors",
]
