"""The product of matrices: tiles of 8 x TILE sums in registers, two side by side where registers
are wide, B brought panel by panel into scratch. Each sum goes over k in order, so its bits depend
on nothing but its row and column.
"""

from .abi import DEPTH
from .build import range_kernel

POSITIVE, GATED = 4, 8
"""relu(sum), and the sum where the gate is above 0, else 0."""

# args: out, a, b, bias, -, m, n, k, a_row, a_column, b_row, b_column (strides in elements),
# a_batch, b_batch, with_bias, columns of a tile, rows of a tile, tiles, what is done to the sums in
# the end (POSITIVE, GATED or 0), the matrix that gates. out is (batch, m, n), contiguous, and so is
# the gate. The range counts tiles: unit u is tile u % tiles of product u // tiles.
tiles = range_kernel(
    "tiles",
    f"""
from numba import njit

@njit(error_model="numpy")
def pack_b(panel, lines, b_row, b_column, depth, columns):
    # depth x columns of B, as rows of TILE.
    b = FLOAT(lines)
    done = 0
    if b_row == 1 and b_column != 1:
        while done + TILE <= depth:
            transpose_FLOAT(
                FLOAT(address_of_FLOAT(panel) + done * TILE * ITEM), FLOAT(lines + done * ITEM),
                b_column, columns,
            )
            done += TILE
    if b_column == 1:
        for p in range(depth):
            at = address_of_FLOAT(panel) + p * TILE * ITEM
            padded_FLOAT(FLOAT(at), FLOAT(lines + p * b_row * ITEM), columns)
        return
    for p in range(done, depth):
        for j in range(columns):
            panel[p * TILE + j] = b[p * b_row + j * b_column]
        for j in range(columns, TILE):
            panel[p * TILE + j] = 0

@njit(error_model="numpy")
def pack_a(block, lines, a_row, a_column, rows, depth):
    # rows x depth of A, as strips of 8 rows, each with its 8 values side by side.
    a = FLOAT(lines)
    for top in range(0, rows, 8):
        high = min(8, rows - top)
        strip = FLOAT(block + top * depth * ITEM)
        if high == 8 and a_row == 1:
            for p in range(depth):
                for i in range(8):
                    strip[p * 8 + i] = a[top + i + p * a_column]
        else:
            for p in range(depth):
                for i in range(high):
                    strip[p * 8 + i] = a[(top + i) * a_row + p * a_column]

@njit(error_model="numpy")
def strips(
    target, n, a, a_row, a_column, strip, m, line, line_row, line_next, depth, bias, columns, mode,
    shift,
):
    # m rows of up to two panels, of which the last has `columns` columns; with one, line_next is 0.
    top = 0
    high = 8 if wide_registers() else 4
    while top < m:
        at = FLOAT(a + (top * a_row if strip == 0 else top // 8 * strip + top % 8) * ITEM)
        out = FLOAT(target + top * n * ITEM)
        row = a_row if strip == 0 else 1
        if m - top >= high and high == 8 and line_next != 0:
            tile8x2_FLOAT(
                out, n, at, row, a_column, line, line_row, line_next, depth, bias, columns, mode,
                shift,
            )
            top += 8
            continue
        done = 0
        part = line
        width = columns if line_next == 0 else TILE
        step = 0
        while True:
            sums = FLOAT(target + (top * n + done) * ITEM)
            addend = FLOAT(address_of_FLOAT(bias) + done * ITEM)
            if m - top >= high and high == 8:
                tile8_FLOAT(
                    sums, n, at, row, a_column, part, line_row, 0, depth, addend, width, mode, shift
                )
                step = 8
            elif m - top >= 4:
                tile4_FLOAT(
                    sums, n, at, row, a_column, part, line_row, 0, depth, addend, width, mode, shift
                )
                step = 4
            elif m - top >= 2:
                tile2_FLOAT(
                    sums, n, at, row, a_column, part, line_row, 0, depth, addend, width, mode, shift
                )
                step = 2
            else:
                tile1_FLOAT(
                    sums, n, at, row, a_column, part, line_row, 0, depth, addend, width, mode, shift
                )
                step = 1
            if line_next == 0 or done > 0:
                break
            done = TILE
            part = FLOAT(address_of_FLOAT(line) + line_next * ITEM)
            width = columns
        top += step

def kernel(args, begin, end):
    n = args[6]
    k = args[7]
    a_row = args[8]
    a_column = args[9]
    b_row = args[10]
    b_column = args[11]
    cut = args[17]
    shift = args[19] - args[0]
    across = -(-n // args[15])
    scratch = scratch_128k()
    block = scratch_256k()
    most = {DEPTH} // ITEM
    pairs = wide_registers() and ITEM == 4  # of float64 one panel fills the registers
    for unit in range(begin, end):
        batch = unit // cut
        first = unit % cut // across * args[16]
        m = min(args[16], args[5] - first)
        begin_column = unit % cut % across * args[15]
        end_column = min(begin_column + args[15], n)
        a = args[1] + (batch * args[12] + first * a_row) * ITEM
        b = args[2] + batch * args[13] * ITEM
        target = args[0] + (batch * args[5] + first) * n * ITEM
        packs_a = a_column * ITEM >= 2048 and m >= 8 and end_column - begin_column > 64
        packs_b = b_column != 1 or (m > 16 and b_row * min(k, most) > 4096)
        group = 4 * TILE if packs_b else TILE
        panels = scratch
        heap = 0
        if packs_b and m > 128 and end_column - begin_column > group:
            heap = allocate((end_column - begin_column + TILE) * {DEPTH} + 64)
            if heap:
                panels = (heap + 63) // 64 * 64
                group = end_column - begin_column
        for part in range(max(1, -(-k // most))):
            start = part * most
            depth = min(most, k - start)
            mode = 1 if start > 0 else 0
            if start + depth == k:
                mode += (2 if args[14] else 0) + args[18]
            for left in range(begin_column, end_column, group):
                right = min(left + group, end_column)
                if packs_b:
                    for j in range(left, right, TILE):
                        lines = b + (start * b_row + j * b_column) * ITEM
                        panel = FLOAT(panels + (j - left) * {DEPTH})
                        pack_b(panel, lines, b_row, b_column, depth, min(TILE, right - j))
                for top in range(0, m, 128):
                    rows = min(128, m - top)
                    at = a + (top * a_row + start * a_column) * ITEM
                    strip = 0
                    step = a_column
                    if packs_a:
                        pack_a(block, at, a_row, a_column, rows, depth)
                        at = block
                        step = 8
                        strip = 8 * depth
                    j = left
                    while j < right:
                        columns = min(TILE, right - j)
                        line = b + (start * b_row + j * b_column) * ITEM
                        line_row = b_row
                        line_next = 0
                        if packs_b:
                            line = panels + (j - left) * {DEPTH}
                            line_row = TILE
                            if pairs and right - j > TILE:
                                line_next = TILE * {DEPTH} // ITEM
                                columns = min(TILE, right - j - TILE)
                        elif pairs and right - j >= 2 * TILE:
                            line_next = TILE
                        elif columns < TILE:
                            pack_b(FLOAT(panels), line, b_row, b_column, depth, columns)
                            line = panels
                            line_row = TILE
                        strips(
                            target + (top * n + j) * ITEM, n, at, a_row, step, strip, rows,
                            FLOAT(line), line_row, line_next, depth, FLOAT(args[3] + j * ITEM),
                            columns, mode, shift,
                        )
                        j += TILE if line_next == 0 else 2 * TILE
        if heap:
            release(heap)
    return 0
""",
)
