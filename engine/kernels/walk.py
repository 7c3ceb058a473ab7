"""The one strided load: elementwise kernels are plain loops over contiguous memory, and the walk
brings them broadcast, sliced or transposed operands block by block through scratch in L1.
"""

from .abi import BLOCK, MAX_DIMS, SHARED
from .build import Kernel
from .door import DATA, WORD
from .pool import SHARE_OUT

LOAD = """
@njit(error_model="numpy", inline="always")
def load(source, dims, strides, rank, start, count, target, kind):
    # Elements start .. start + count of a strided operand, in C order, into contiguous scratch.
    # The innermost dimension runs in a plain loop; the outer ones are an odometer.
    inner = dims[rank - 1]
    step = strides[rank - 1]
    index = i64(scratch_512())
    rest = start
    at = source
    for d in range(rank - 1, -1, -1):
        index[d] = rest % dims[d]
        rest //= dims[d]
        at += index[d] * strides[d]
    done = 0
    while done < count:
        run = min(inner - index[rank - 1], count - done)
        kind_copy(at, step, run, target, done, kind)
        done += run
        at += run * step
        index[rank - 1] += run
        d = rank - 1
        while d > 0 and index[d] == dims[d]:
            at += strides[d - 1] - dims[d] * strides[d]
            index[d] = 0
            index[d - 1] += 1
            d -= 1

@njit(error_model="numpy", inline="always")
def kind_copy(at, step, run, target, done, kind):
    if kind == 4:
        to = u32(target)
        if step == 0:
            value = u32(at)[0]
            for i in range(run):
                to[done + i] = value
        elif step == 4:
            values = u32(at)
            for i in range(run):
                to[done + i] = values[i]
        else:
            for i in range(run):
                to[done + i] = u32(at + i * step)[0]
    elif kind == 8:
        to8 = i64(target)
        if step == 0:
            value8 = i64(at)[0]
            for i in range(run):
                to8[done + i] = value8
        elif step == 8:
            values8 = i64(at)
            for i in range(run):
                to8[done + i] = values8[i]
        else:
            for i in range(run):
                to8[done + i] = i64(at + i * step)[0]
    else:
        to1 = u8(target)
        for i in range(run):
            to1[done + i] = u8(at + i * step)[0]
"""
"""Brings a part of a strided operand into contiguous memory."""

SOURCE = (
    SHARE_OUT
    + LOAD
    + f"""
def kernel(args, begin, end):
    # args: the kernel's address; the bytes of an item, four bits an operand; the job of the pool,
    # or 0; then id(array) for each operand, the result first: it is contiguous and has the
    # broadcast shape.
    # end: the number of operands, the result counted.
    inner_kernel = args[0]
    out = args[3] + {DATA}
    full = np.int64(i32(out + {WORD})[0])
    shape = i64(i64(out + {2 * WORD})[0])
    total = 1
    for d in range(full):
        total *= shape[d]
    if total == 0:
        return 0
    table = i64(scratch_2k())
    dims = i64(scratch_512())
    rank = 0
    # Merge: a dimension joins the one before it where, for every operand, a step over the outer
    # is as many steps over the inner as it is long.
    for d in range(full):
        size = shape[d]
        if size == 1:
            continue
        joins = rank > 0
        for k in range(end):
            object = args[3 + k] + {DATA}
            nd = np.int64(i32(object + {WORD})[0])
            stride = 0
            own = d - (full - nd)
            if own >= 0 and i64(i64(object + {2 * WORD})[0])[own] != 1:
                stride = i64(i64(object + {3 * WORD})[0])[own]
            table[k * {MAX_DIMS} + rank] = stride
            if rank > 0 and table[k * {MAX_DIMS} + rank - 1] != stride * size:
                joins = False
        if joins:
            dims[rank - 1] *= size
            for k in range(end):
                table[k * {MAX_DIMS} + rank - 1] = table[k * {MAX_DIMS} + rank]
        else:
            dims[rank] = size
            rank += 1
    if rank == 0:
        dims[0] = 1
        rank = 1
        for k in range(end):
            table[k * {MAX_DIMS}] = (args[1] >> (4 * k) & 15)
    row = i64(scratch_512())
    plain = rank == 1
    for k in range(end):
        row[k] = i64(args[3 + k] + {DATA})[0]
        plain = plain and table[k * {MAX_DIMS} + rank - 1] == (args[1] >> (4 * k) & 15)
    if plain:
        return share_out(args[2], inner_kernel, row, 0, total, total // {SHARED // 4})
    # A contiguous operand is read where it lies (code 1), one that never moves is loaded once
    # (code 2, then 3), any other is loaded for each block (code 0).
    codes = i64(scratch_512())
    for k in range(end):
        step = (args[1] >> (4 * k) & 15)
        flat = True
        still = True
        for d in range(rank - 1, -1, -1):
            stride = table[k * {MAX_DIMS} + d]
            flat = flat and stride == step
            still = still and stride == 0
            step *= dims[d]
        codes[k] = 1 if flat else 2 if still else 0
    scratch = i64(scratch_512())
    scratch[1] = scratch_8k()
    scratch[2] = scratch_8k()
    scratch[3] = scratch_8k()
    scratch[4] = scratch_8k()
    start = 0
    while start < total:
        count = min({BLOCK}, total - start)
        for k in range(end):
            item = (args[1] >> (4 * k) & 15)
            source = i64(args[3 + k] + {DATA})[0]
            if codes[k] == 1:
                row[k] = source + start * item
            elif codes[k] != 3:
                strides = i64(address_of_i64(table) + 8 * {MAX_DIMS} * k)
                load(source, dims, strides, rank, start, count, scratch[k], item)
                row[k] = scratch[k]
                if codes[k] == 2:
                    codes[k] = 3
        status = call_kernel(inner_kernel, row, 0, count)
        if status != 0:
            return start + status
        start += count
    return 0
"""
)

walk = Kernel("walk", lambda suffix: SOURCE, splits=False)
