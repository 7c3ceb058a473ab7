"""The few machine instructions that Numba has no Python for: typed pointers, calls by address,
scratch on the stack, the flush-to-zero mode. Kernels, doors and the walk are written with these.
"""

import math
import platform

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .abi import CALL_WORDS, CAPTURED, LANES, TILE

I64 = ir.IntType(64)
I32 = ir.IntType(32)
I8 = ir.IntType(8)
VOID = ir.VoidType()

X86 = platform.machine().lower() in ("x86_64", "amd64")

kernel_signature = types.int64(types.CPointer(types.int64), types.int64, types.int64)
"""kernel(args, begin, end) -> status: 0, or 1 + the offending element."""


def _pointer(numba_type, llvm_type):
    """An intrinsic that reads an integer as the address of `numba_type` values."""

    @intrinsic
    def cast(typingctx, address):
        def codegen(context, builder, signature, args):
            return builder.inttoptr(args[0], llvm_type.as_pointer())

        return types.CPointer(numba_type)(types.int64), codegen

    return cast


f32 = _pointer(types.float32, ir.FloatType())
f64 = _pointer(types.float64, ir.DoubleType())
i64 = _pointer(types.int64, I64)
i32 = _pointer(types.int32, I32)
u32 = _pointer(types.uint32, I32)
u8 = _pointer(types.uint8, I8)


def _address_of(element):
    @intrinsic
    def address(typingctx, pointer):
        def codegen(context, builder, signature, args):
            return builder.ptrtoint(args[0], I64)

        return types.int64(types.CPointer(element)), codegen

    return address


address_of_i64 = _address_of(types.int64)
address_of_f32 = _address_of(types.float32)
address_of_f64 = _address_of(types.float64)


def _scratch(count):
    """An intrinsic that gives the address of `count` bytes of the stack, on a 64-byte border."""

    @intrinsic
    def scratch(typingctx):
        def codegen(context, builder, signature, args):
            slot = cgutils.alloca_once(builder, I8, size=count)
            slot.align = 64
            return builder.ptrtoint(slot, I64)

        return types.int64(), codegen

    return scratch


scratch_512 = _scratch(512)
scratch_2k = _scratch(2048)
scratch_8k = _scratch(8192)
scratch_128k = _scratch(131072)
scratch_256k = _scratch(262144)


@intrinsic
def call_kernel(typingctx, address, args, begin, end):
    """Call the kernel at `address` over [begin, end)."""
    signature = types.int64(types.int64, types.CPointer(types.int64), types.int64, types.int64)

    def codegen(context, builder, signature, values):
        kind = ir.FunctionType(I64, [I64.as_pointer(), I64, I64])
        return builder.call(builder.inttoptr(values[0], kind.as_pointer()), values[1:])

    return signature, codegen


def _python(name):
    """An intrinsic that calls CPython's `name`, of one word, by its symbol."""

    @intrinsic
    def call(typingctx, word):
        def codegen(context, builder, signature, args):
            kind = ir.FunctionType(I64, [I64])
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            return builder.call(function, args)

        return types.int64(types.int64), codegen

    return call


@intrinsic
def call_python(typingctx, function, given, count):
    """Call the Python object at an address with objects in a row; False where it raised."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(I64, [I64, I64.as_pointer(), I64, I64])
        call = cgutils.get_or_insert_function(builder.module, kind, "PyObject_Vectorcall")
        result = builder.call(call, [*args, ir.Constant(I64, 0)])
        fine = builder.icmp_unsigned("!=", result, ir.Constant(I64, 0))
        with builder.if_then(fine):
            kind = ir.FunctionType(VOID, [I64])
            drop = cgutils.get_or_insert_function(builder.module, kind, "Py_DecRef")
            builder.call(drop, [result])
        return fine

    return types.boolean(types.int64, types.CPointer(types.int64), types.int64), codegen


as_integer = _python("PyLong_AsLongLong")
from_integer = _python("PyLong_FromLongLong")


@intrinsic
def release_gil(typingctx):
    """Let other Python threads run; the word that `take_gil` needs."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(I64, [])
        return builder.call(
            cgutils.get_or_insert_function(builder.module, kind, "PyEval_SaveThread"), []
        )

    return types.int64(), codegen


@intrinsic
def take_gil(typingctx, word):
    """Wait until this thread may use Python's objects again."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(VOID, [I64])
        builder.call(
            cgutils.get_or_insert_function(builder.module, kind, "PyEval_RestoreThread"), args
        )
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def load_word(typingctx, address):
    """What other threads have stored at an address."""

    def codegen(context, builder, signature, args):
        return builder.load_atomic(builder.inttoptr(args[0], I64.as_pointer()), "seq_cst", 8)

    return types.int64(types.int64), codegen


@intrinsic
def store_word(typingctx, address, value):
    """Store for other threads to see."""

    def codegen(context, builder, signature, args):
        place = builder.inttoptr(args[0], I64.as_pointer())
        builder.store_atomic(args[1], place, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def add_word(typingctx, address, value):
    """Add, and no other thread in between."""

    def codegen(context, builder, signature, args):
        place = builder.inttoptr(args[0], I64.as_pointer())
        return builder.atomic_rmw("add", place, args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def swap_word(typingctx, address, before, after):
    """Store `after` where `before` is; whether it was."""

    def codegen(context, builder, signature, args):
        place = builder.inttoptr(args[0], I64.as_pointer())
        found = builder.cmpxchg(place, args[1], args[2], "seq_cst", "seq_cst")
        return builder.extract_value(found, 1)

    return types.boolean(types.int64, types.int64, types.int64), codegen


def _on_word(name):
    """An intrinsic that calls the C library's `int name(word)`."""

    @intrinsic
    def call(typingctx, word):
        def codegen(context, builder, signature, args):
            kind = ir.FunctionType(I32, [I64])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)
            return context.get_dummy_value()

        return types.void(types.int64), codegen

    return call


ring = _on_word("sem_post")
wait_for = _on_word("sem_wait")


@intrinsic
def give_way(typingctx):
    """Let another thread have this processor."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(I32, [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def pause(typingctx):
    """Tell the processor that this loop only waits."""

    def codegen(context, builder, signature, args):
        if X86:
            kind = ir.FunctionType(VOID, [])
            name = "llvm.x86.sse2.pause"
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def allocate(typingctx, count):
    """The address of `count` bytes from the C library, or 0."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(I64, [I64])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "malloc"), args)

    return types.int64(types.int64), codegen


@intrinsic
def release(typingctx, address):
    """Give back what `allocate` gave."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(VOID, [I64])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "free"), args)
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def copy_bytes(typingctx, target, source, count):
    """Copy `count` bytes between addresses whose memory does not overlap."""

    def codegen(context, builder, signature, args):
        byte = I8.as_pointer()
        target, source = (builder.inttoptr(word, byte) for word in args[:2])
        cgutils.raw_memcpy(builder, target, source, args[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


@intrinsic
def captured(typingctx):
    """The address of the memory in which a capturing kernel keeps calls: say it once a kernel."""

    def codegen(context, builder, signature, args):
        kind = ir.ArrayType(I64, 1 + CAPTURED * (2 + CALL_WORDS))
        memory = cgutils.add_global_variable(builder.module, kind, "backlit_captured")
        memory.initializer = ir.Constant(kind, None)  # type: ignore[assignment]
        memory.linkage = "internal"
        return builder.ptrtoint(memory, I64)

    return types.int64(), codegen


@intrinsic
def wide_registers(typingctx):
    """Whether the processor has 32 registers of 512 bits: known when a kernel is compiled."""

    def codegen(context, builder, signature, args):
        wide = get_host_cpu_features().get("avx512f", False)
        return ir.Constant(ir.IntType(1), int(wide))

    return types.boolean(), codegen


def _mxcsr(builder, name, slot):
    kind = ir.FunctionType(VOID, [I8.as_pointer()])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}")
    builder.call(function, [builder.bitcast(slot, I8.as_pointer())])


@intrinsic
def flush_subnormals(typingctx):
    """Set flush-to-zero and denormals-are-zero; returns the mode there was (0 off x86)."""

    def codegen(context, builder, signature, args):
        if not X86:
            return ir.Constant(I64, 0)
        slot = cgutils.alloca_once(builder, I32)
        _mxcsr(builder, "stmxcsr", slot)
        before = builder.load(slot)
        builder.store(builder.or_(before, ir.Constant(I32, 0x8040)), slot)
        _mxcsr(builder, "ldmxcsr", slot)
        return builder.zext(before, I64)

    return types.int64(), codegen


@intrinsic
def restore_mode(typingctx, before):
    """Restore what `flush_subnormals` returned."""

    def codegen(context, builder, signature, args):
        if X86:
            slot = cgutils.alloca_once(builder, I32)
            builder.store(builder.trunc(args[0], I32), slot)
            _mxcsr(builder, "ldmxcsr", slot)
        return context.get_dummy_value()

    return types.void(types.int64), codegen


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


def _column_sum(numba_type, element):
    """An intrinsic: float64 sums over `rows` rows of the first `columns` of TILE columns at a
    pointer, rows `step` elements apart, written to `out`.
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
            slot = cgutils.alloca_once(builder, wide)
            builder.store(ir.Constant(wide, [0.0] * TILE), slot)
            zero = ir.Constant(narrow, [0.0] * TILE)
            with cgutils.for_range(builder, rows) as loop:
                row = builder.gep(pointer, [builder.mul(loop.index, step)])
                values = builder.call(
                    load, [builder.bitcast(row, narrow.as_pointer()), at, mask, zero]
                )
                if narrow != wide:
                    values = builder.fpext(values, wide)
                builder.store(builder.fadd(builder.load(slot), values), slot)
            put = builder.store(builder.load(slot), builder.bitcast(out, wide.as_pointer()))
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


column_sum_f32 = _column_sum(types.float32, ir.FloatType())
column_sum_f64 = _column_sum(types.float64, ir.DoubleType())


def _tile(numba_type, element, rows):
    """An intrinsic: a `rows` x TILE tile of A @ B, summed over k in order by fused multiply-add, of
    which the first `columns` columns are written. With 1 in `mode` the sums go on from what is in
    `out`, with 2 `bias` is added in the end. B has TILE columns that can be read.
    """
    vector = ir.VectorType(element, TILE)
    mask_type = ir.VectorType(ir.IntType(1), TILE)
    size = "f32" if element == ir.FloatType() else "f64"

    @intrinsic
    def tile(typingctx, out, out_row, a, a_row, a_column, b, b_row, depth, bias, columns, mode):
        pointer = types.CPointer(numba_type)
        integer = types.int64
        signature = types.void(
            pointer, integer, pointer, integer, integer, pointer, integer, integer, pointer,
            integer, integer,
        )  # fmt: skip

        def codegen(context, builder, signature, args):
            out, out_row, a, a_row, a_column, b, b_row, depth, bias, columns, mode = args
            place = vector.as_pointer()
            load, at, mask = _masked_load(context, builder, element, columns)
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
            continues, biased = (
                builder.trunc(builder.lshr(mode, ir.Constant(I64, bit)), ir.IntType(1))
                for bit in (0, 1)
            )
            lines = [
                builder.bitcast(
                    builder.gep(out, [builder.mul(out_row, ir.Constant(I64, r))]), place
                )
                for r in range(rows)
            ]
            slots = [cgutils.alloca_once(builder, vector) for _ in range(rows)]
            for slot in slots:
                builder.store(zero, slot)
            with builder.if_then(continues):
                for slot, line in zip(slots, lines, strict=True):
                    builder.store(builder.call(load, [line, at, mask, zero]), slot)
            starts = [
                builder.gep(a, [builder.mul(a_row, ir.Constant(I64, r))]) for r in range(rows)
            ]
            with cgutils.for_range(builder, depth) as loop:
                row = builder.gep(b, [builder.mul(loop.index, b_row)])
                line = builder.load(builder.bitcast(row, place))
                line.align = element.get_abi_size(context.target_data)
                step = builder.mul(loop.index, a_column)
                for start, slot in zip(starts, slots, strict=True):
                    value = builder.load(builder.gep(start, [step]))
                    first = builder.insert_element(nothing, value, ir.Constant(I32, 0))
                    every = builder.shuffle_vector(first, nothing, splat)
                    builder.store(builder.call(fma, [every, line, builder.load(slot)]), slot)
            addend = cgutils.alloca_once(builder, vector)
            builder.store(zero, addend)
            with builder.if_then(biased):
                values = builder.call(load, [builder.bitcast(bias, place), at, mask, zero])
                builder.store(values, addend)
            for slot, line in zip(slots, lines, strict=True):
                total = builder.fadd(builder.load(slot), builder.load(addend))
                builder.call(store, [total, line, at, mask])
            return context.get_dummy_value()

        return signature, codegen

    return tile


tile8_f32 = _tile(types.float32, ir.FloatType(), 8)
tile4_f32 = _tile(types.float32, ir.FloatType(), 4)
tile1_f32 = _tile(types.float32, ir.FloatType(), 1)
tile8_f64 = _tile(types.float64, ir.DoubleType(), 8)
tile4_f64 = _tile(types.float64, ir.DoubleType(), 4)
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
