"""The few machine instructions that Numba has no Python for: typed pointers, calls by address,
scratch on the stack, the flush-to-zero mode. Kernels, doors and the walk are written with these.
"""

import platform

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .abi import CALL_WORDS, CAPTURED

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
scratch_64k = _scratch(65536)
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


@intrinsic
def flushed(typingctx, x):
    """A number, or the 0 of its sign where it is subnormal. What only chooses among numbers needs
    it: the processor's instructions for max flush what a comparison and a choice do not, so that
    bits would depend on which of them the compiler took.
    """

    def codegen(context, builder, signature, args):
        number = args[0]
        wide = isinstance(number.type, ir.DoubleType)
        kind, exponent = (I64, 0x7FF << 52) if wide else (I32, 0xFF << 23)
        bits = builder.bitcast(number, kind)
        small = builder.icmp_unsigned("==", builder.and_(bits, kind(exponent)), kind(0))
        sign = builder.and_(bits, kind(1 << 63 if wide else 1 << 31))
        return builder.bitcast(builder.select(small, sign, bits), number.type)

    return x(x), codegen


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
