"""Vectors by hand, where Numba's loops do not become them: sums and maxima by lanes, columns summed
side by side, tiles of products, transposes in registers. Kernels are written with these and with
what native.py has.
"""

import math

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .abi import LANES, TILE
from .native import I32, I64, VOID


def _lanes(numba_type, element, name):
    """An intrinsic that folds `rows` x LANES values at a pointer, a row of lanes at a time.

    "sum": their sum, by float64 partial sums; "max": the largest, NaN if one is NaN. Lane l takes
    the values l, l + LANES, ...; then the lanes are folded in halves. What does not fill a row of
    lanes is left to the caller.
    """
    adds = name == "sum"
    within, within_type = (ir.DoubleType(), types.float64) if adds else (element, numba_type)
    wide = ir.VectorType(within, LANES)
    narrow = ir.VectorType(element, LANES)

    def join(builder, so_far, value):
        if adds:
            return builder.fadd(so_far, value)
        greater = builder.fcmp_ordered(">", so_far, value)
        is_nan = builder.fcmp_unordered("uno", so_far, so_far)
        return builder.select(builder.or_(greater, is_nan), so_far, value)

    @intrinsic
    def fold(typingctx, pointer, rows):
        def codegen(context, builder, signature, args):
            pointer, rows = args
            slot = cgutils.alloca_once(builder, wide)
            builder.store(ir.Constant(wide, [0.0 if adds else -math.inf] * LANES), slot)
            with cgutils.for_range(builder, rows) as loop:
                at = builder.gep(pointer, [builder.mul(loop.index, ir.Constant(I64, LANES))])
                values = builder.load(builder.bitcast(at, narrow.as_pointer()))
                values.align = element.get_abi_size(context.target_data)
                if narrow != wide:
                    values = builder.fpext(values, wide)
                builder.store(join(builder, builder.load(slot), values), slot)
            folded = builder.load(slot)
            width = LANES
            while width > 1:
                width //= 2
                half = ir.VectorType(I32, width)
                low = ir.Constant(half, list(range(width)))
                high = ir.Constant(half, list(range(width, 2 * width)))
                folded = join(
                    builder,
                    builder.shuffle_vector(folded, folded, low),
                    builder.shuffle_vector(folded, folded, high),
                )
            return builder.extract_element(folded, ir.Constant(I32, 0))

        return within_type(types.CPointer(numba_type), types.int64), codegen

    return fold


lane_sum_f32 = _lanes(types.float32, ir.FloatType(), "sum")
lane_sum_f64 = _lanes(types.float64, ir.DoubleType(), "sum")
lane_max_f32 = _lanes(types.float32, ir.FloatType(), "max")
lane_max_f64 = _lanes(types.float64, ir.DoubleType(), "max")


def _column_sum(numba_type, element, tiles):
    """An intrinsic: float64 sums over `rows` rows of `tiles` times TILE columns at a pointer, of
    the last TILE only the first `columns`; rows are `step` elements apart; written to `out`.
    """
    narrow = ir.VectorType(element, TILE)
    wide = ir.VectorType(ir.DoubleType(), TILE)

    @intrinsic
    def column_sum(typingctx, out, pointer, step, rows, columns):
        integer = types.int64
        signature = types.void(
            types.CPointer(types.float64), types.CPointer(numba_type), integer, integer, integer
        )

        def codegen(context, builder, signature, args):
            out, pointer, step, rows, columns = args
            load, at, mask = _masked_load(context, builder, element, columns)
            zero = ir.Constant(narrow, [0.0] * TILE)
            slots = [cgutils.alloca_once(builder, wide) for _ in range(tiles)]
            for slot in slots:
                builder.store(ir.Constant(wide, [0.0] * TILE), slot)
            with cgutils.for_range(builder, rows) as loop:
                row = builder.gep(pointer, [builder.mul(loop.index, step)])
                for k, slot in enumerate(slots):
                    place = builder.gep(row, [ir.Constant(I64, k * TILE)])
                    place = builder.bitcast(place, narrow.as_pointer())
                    if k + 1 < tiles:
                        values = builder.load(place)
                        values.align = element.get_abi_size(context.target_data)
                    else:
                        values = builder.call(load, [place, at, mask, zero])
                    if narrow != wide:
                        values = builder.fpext(values, wide)
                    builder.store(builder.fadd(builder.load(slot), values), slot)
            for k, slot in enumerate(slots):
                place = builder.gep(out, [ir.Constant(I64, k * TILE)])
                put = builder.store(builder.load(slot), builder.bitcast(place, wide.as_pointer()))
                put.align = 8
            return context.get_dummy_value()

        return signature, codegen

    return column_sum


def _masked_load(context, builder, element, columns):
    """LLVM's masked load of TILE elements, its alignment, and the mask of the first `columns`."""
    vector = ir.VectorType(element, TILE)
    mask_type = ir.VectorType(ir.IntType(1), TILE)
    size = "f32" if element == ir.FloatType() else "f64"
    kind = ir.FunctionType(vector, [vector.as_pointer(), I32, mask_type, vector])
    name = f"llvm.masked.load.v{TILE}{size}.p0"
    load = cgutils.get_or_insert_function(builder.module, kind, name)
    many = ir.VectorType(I64, TILE)
    first = ir.Constant(I32, 0)
    width = builder.insert_element(ir.Constant(many, ir.Undefined), columns, first)
    splat = ir.Constant(ir.VectorType(I32, TILE), [0] * TILE)
    width = builder.shuffle_vector(width, width, splat)
    mask = builder.icmp_signed("<", ir.Constant(many, list(range(TILE))), width)
    return load, ir.Constant(I32, element.get_abi_size(context.target_data)), mask


column_sum_f32 = _column_sum(types.float32, ir.FloatType(), 1)
column_sum_f64 = _column_sum(types.float64, ir.DoubleType(), 1)
column_sum4_f32 = _column_sum(types.float32, ir.FloatType(), 4)
column_sum4_f64 = _column_sum(types.float64, ir.DoubleType(), 4)


def _tile(numba_type, element, rows, panels=1):
    """An intrinsic: `rows` x (`panels` x TILE) sums of A @ B, over k in order by fused
    multiply-add, of which of the last panel the first `columns` are written. With 1 in `mode` the
    sums go on from what is in `out`, with 2 `bias` is added in the end; then, with 4, what is
    negative becomes 0 (relu), or, with 8, what is not above 0 in the matrix that lies `shift` bytes
    after `out` (gate). B has TILE columns that can be read, and the next panel's `b_next` elements
    further on.
    """
    vector = ir.VectorType(element, TILE)
    mask_type = ir.VectorType(ir.IntType(1), TILE)
    size = "f32" if element == ir.FloatType() else "f64"

    @intrinsic
    def tile(
        typingctx, out, out_row, a, a_row, a_column, b, b_row, b_next, depth, bias, columns, mode,
        shift,
    ):  # fmt: skip
        pointer = types.CPointer(numba_type)
        integer = types.int64
        signature = types.void(
            pointer, integer, pointer, integer, integer, pointer, integer, integer, integer,
            pointer, integer, integer, integer,
        )  # fmt: skip

        def codegen(context, builder, signature, args):
            (
                out, out_row, a, a_row, a_column, b, b_row, b_next, depth, bias, columns, mode,
                shift,
            ) = args  # fmt: skip
            place = vector.as_pointer()
            load, at, mask = _masked_load(context, builder, element, columns)
            whole = ir.Constant(mask_type, [1] * TILE)
            masks = [whole] * (panels - 1) + [mask]
            fma_type = ir.FunctionType(vector, [vector] * 3)
            store_type = ir.FunctionType(VOID, [vector, place, I32, mask_type])
            module = builder.module
            fma = cgutils.get_or_insert_function(module, fma_type, f"llvm.fma.v{TILE}{size}")
            store = cgutils.get_or_insert_function(
                module, store_type, f"llvm.masked.store.v{TILE}{size}.p0"
            )
            zero = ir.Constant(vector, [0.0] * TILE)
            nothing = ir.Constant(vector, ir.Undefined)
            splat = ir.Constant(ir.VectorType(I32, TILE), [0] * TILE)
            continues, biased, positive, gated = (
                builder.trunc(builder.lshr(mode, ir.Constant(I64, bit)), ir.IntType(1))
                for bit in range(4)
            )
            cells = [(r, p) for r in range(rows) for p in range(panels)]
            lines = {}
            for r, p in cells:
                cell = builder.mul(out_row, ir.Constant(I64, r))
                cell = builder.add(cell, ir.Constant(I64, p * TILE))
                lines[r, p] = builder.bitcast(builder.gep(out, [cell]), place)
            slots = {cell: cgutils.alloca_once(builder, vector) for cell in cells}
            for slot in slots.values():
                builder.store(zero, slot)
            with builder.if_then(continues):
                for (r, p), slot in slots.items():
                    builder.store(builder.call(load, [lines[r, p], at, masks[p], zero]), slot)
            starts = [
                builder.gep(a, [builder.mul(a_row, ir.Constant(I64, r))]) for r in range(rows)
            ]
            seconds = [b, *([builder.gep(b, [b_next])] * (panels - 1))]
            with cgutils.for_range(builder, depth) as loop:
                offset = builder.mul(loop.index, b_row)
                values = []
                for start in seconds:
                    line = builder.load(builder.bitcast(builder.gep(start, [offset]), place))
                    line.align = element.get_abi_size(context.target_data)
                    values.append(line)
                step = builder.mul(loop.index, a_column)
                for r, start in enumerate(starts):
                    value = builder.load(builder.gep(start, [step]))
                    first = builder.insert_element(nothing, value, ir.Constant(I32, 0))
                    every = builder.shuffle_vector(first, nothing, splat)
                    for p, line in enumerate(values):
                        slot = slots[r, p]
                        builder.store(builder.call(fma, [every, line, builder.load(slot)]), slot)
            addends = [cgutils.alloca_once(builder, vector) for _ in range(panels)]
            for addend in addends:
                builder.store(zero, addend)
            with builder.if_then(biased):
                for p, addend in enumerate(addends):
                    part = builder.bitcast(builder.gep(bias, [ir.Constant(I64, p * TILE)]), place)
                    builder.store(builder.call(load, [part, at, masks[p], zero]), addend)
            for (_, p), slot in slots.items():
                total = builder.fadd(builder.load(slot), builder.load(addends[p]))
                builder.store(total, slot)
            with builder.if_then(positive):
                for slot in slots.values():
                    total = builder.load(slot)
                    keeps = builder.fcmp_unordered(">", total, zero)  # a NaN stays
                    builder.store(builder.select(keeps, total, zero), slot)
            with builder.if_then(gated):
                for (r, p), slot in slots.items():
                    there = builder.add(builder.ptrtoint(lines[r, p], I64), shift)
                    there = builder.inttoptr(there, place)
                    gate = builder.call(load, [there, at, masks[p], zero])
                    opens = builder.fcmp_ordered(">", gate, zero)
                    builder.store(builder.select(opens, builder.load(slot), zero), slot)
            for (r, p), slot in slots.items():
                builder.call(store, [builder.load(slot), lines[r, p], at, masks[p]])
            return context.get_dummy_value()

        return signature, codegen

    return tile


tile8x2_f32 = _tile(types.float32, ir.FloatType(), 8, panels=2)
tile8_f32 = _tile(types.float32, ir.FloatType(), 8)
tile4_f32 = _tile(types.float32, ir.FloatType(), 4)
tile2_f32 = _tile(types.float32, ir.FloatType(), 2)
tile1_f32 = _tile(types.float32, ir.FloatType(), 1)
tile8x2_f64 = _tile(types.float64, ir.DoubleType(), 8)  # one panel fills the registers: not used
tile8_f64 = _tile(types.float64, ir.DoubleType(), 8)
tile4_f64 = _tile(types.float64, ir.DoubleType(), 4)
tile2_f64 = _tile(types.float64, ir.DoubleType(), 2)
tile1_f64 = _tile(types.float64, ir.DoubleType(), 1)


def _transpose(numba_type, element):
    """An intrinsic: TILE x TILE elements at `source`, whose rows are `step` elements apart, written
    to `out` as columns, rows TILE apart. Of the rows only `count` are read, the last one again in
    the place of those that are not there.
    """
    vector = ir.VectorType(element, TILE)
    mix = ir.VectorType(I32, TILE)
    half = TILE // 2
    low = ir.Constant(mix, [k // 2 + TILE * (k % 2) for k in range(TILE)])
    high = ir.Constant(mix, [half + k // 2 + TILE * (k % 2) for k in range(TILE)])

    @intrinsic
    def transpose(typingctx, out, source, step, count):
        pointer = types.CPointer(numba_type)
        signature = types.void(pointer, pointer, types.int64, types.int64)

        def codegen(context, builder, signature, args):
            out, source, step, count = args
            align = element.get_abi_size(context.target_data)
            last = builder.sub(count, ir.Constant(I64, 1))
            rows = []
            for r in range(TILE):
                there = builder.icmp_signed("<", ir.Constant(I64, r), count)
                at = builder.mul(builder.select(there, ir.Constant(I64, r), last), step)
                row = builder.load(builder.bitcast(builder.gep(source, [at]), vector.as_pointer()))
                row.align = align
                rows.append(row)
            width = TILE
            while width > 1:  # a perfect shuffle of the rows, as often as it takes
                rows = [
                    builder.shuffle_vector(rows[k // 2], rows[k // 2 + half], (low, high)[k % 2])
                    for k in range(TILE)
                ]
                width //= 2
            for r, row in enumerate(rows):
                place = builder.gep(out, [ir.Constant(I64, r * TILE)])
                put = builder.store(row, builder.bitcast(place, vector.as_pointer()))
                put.align = align
            return context.get_dummy_value()

        return signature, codegen

    return transpose


def _padded(numba_type, element):
    """An intrinsic: the first `columns` of TILE elements at `source` to `out`, then zeros."""
    vector = ir.VectorType(element, TILE)

    @intrinsic
    def padded(typingctx, out, source, columns):
        pointer = types.CPointer(numba_type)
        signature = types.void(pointer, pointer, types.int64)

        def codegen(context, builder, signature, args):
            out, source, columns = args
            load, at, mask = _masked_load(context, builder, element, columns)
            zero = ir.Constant(vector, [0.0] * TILE)
            place = vector.as_pointer()
            row = builder.call(load, [builder.bitcast(source, place), at, mask, zero])
            put = builder.store(row, builder.bitcast(out, place))
            put.align = element.get_abi_size(context.target_data)
            return context.get_dummy_value()

        return signature, codegen

    return padded


padded_f32 = _padded(types.float32, ir.FloatType())
padded_f64 = _padded(types.float64, ir.DoubleType())
transpose_f32 = _transpose(types.float32, ir.FloatType())
transpose_f64 = _transpose(types.float64, ir.DoubleType())
