"""Asking the processor for a line of memory before it is needed. For kernels; uncompiled it does nothing.

A prefetch (LLVM's ``llvm.prefetch``) waits for nothing and cannot fault, and unlike a read whose result is thrown
away it cannot be optimised away.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload


def prefetch(table: Any, record: int, column: int) -> None:
    """Begin to load the line, 64 bytes, that holds ``table[record, column]``; the indices must be within the table."""


@intrinsic
def _prefetch(_typing: Any, table: Any, _record: Any, _column: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        kind, indices = signature.args[0], list(arguments[1:])
        pointer = cgutils.get_item_pointer(context, builder, kind, array, indices, wraparound=False)  # type: ignore[no-untyped-call]
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        called = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, called, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
        for_reading, keep, data = (ir.Constant(number, value) for value in (0, 3, 1))
        builder.call(function, [builder.bitcast(pointer, byte), for_reading, keep, data])
        return context.get_dummy_value()

    return types.void(table, types.intp, types.intp), build


@overload(prefetch)
def _compiled(table: Any, record: Any, column: Any) -> Any:  # noqa: ARG001 - numba looks at the types alone
    def begin(table: Any, record: Any, column: Any) -> Any:
        _prefetch(table, np.intp(record), np.intp(column))  # type: ignore[call-arg]  # numba gives the first

    return begin
