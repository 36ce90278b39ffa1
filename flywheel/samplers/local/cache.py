# pyright: standard
"""Keys and values with room to grow: a step writes one column instead of copying them all.

transformers' dynamic layers concatenate at every step, which copies the whole cache: a third of the
time of a step behind prompts of 340 tokens. Only plain layers are replaced; sliding windows and
recurrent states stay as they are. Imports transformers, so import it when a model is run.
"""

from __future__ import annotations

from typing import Any

from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

_ROOM = 64


class GrowingLayer(DynamicLayer):
    """A dynamic layer whose keys and values are views of larger buffers."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._buffers: tuple[Any, Any] | None = None

    def update(self, key_states: Any, value_states: Any, *args: Any, **named: Any) -> Any:
        """Append new states; all of them, as the model wants them."""
        old = self.get_seq_length()
        if old == 0:
            return super().update(key_states, value_states, *args, **named)
        new = old + key_states.shape[-2]
        keys, values = self._with_room(new)
        keys[:, :, old:new] = key_states
        values[:, :, old:new] = value_states
        self.keys, self.values = keys[:, :, :new], values[:, :, :new]
        return self.keys, self.values

    def _with_room(self, length: int) -> tuple[Any, Any]:
        """Buffers that begin with what is here. Rows that were picked or joined lie elsewhere."""
        now: Any = self.keys
        if self._buffers is not None:
            keys, values = self._buffers
            here = keys.data_ptr() == now.data_ptr() and len(keys) == len(now)
            if here and keys.shape[2] >= length:
                return keys, values
        self._buffers = (_grown(now, length + _ROOM), _grown(self.values, length + _ROOM))
        return self._buffers


def new_cache(config: Any) -> Any:
    """An empty cache for a model of this config."""
    cache: Any = DynamicCache(config=config)
    cache.layers = [
        GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache


def _grown(states: Any, length: int) -> Any:
    rows, heads, old, size = states.shape
    grown = states.new_empty(rows, heads, length, size)
    grown[:, :, :old] = states
    return grown
