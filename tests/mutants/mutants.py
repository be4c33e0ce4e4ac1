# SPDX-License-Identifier: BSD-3-Clause
"""Mutants of shipped modules: each has one fault, as a change of one place in the sources.

A mutant names the configuration it is checked in, the file, the text there and what stands there instead. The text
occurs once in the file, or the mutant is out of date. `rules` are those that are tried first, since they are likely to
find it; all others follow when they do not. A mutant that no user could notice says why, in `harmless`.
"""

import dataclasses

VIRTUAL = "sdk/include/bdevkit/virtual_bdev.hpp"
PART = "sdk/include/bdevkit/part_bdev.hpp"
TRANSFORM = "sdk/include/bdevkit/transform_bdev.hpp"
BATCH = "sdk/include/bdevkit/io_batch.hpp"
CURSOR = "sdk/include/bdevkit/iov_cursor.hpp"
MALLOC = "plugins/malloc/malloc.cpp"
MEMORY = "plugins/malloc/memory.hpp"
ZEROING = "plugins/malloc/zeroing.hpp"
URING = "plugins/uring/uring.cpp"
BLANK = "plugins/uring/blank_operation.cpp"


@dataclasses.dataclass
class Configuration:
    """How a module is built and checked."""
    sources: list
    libraries: list = dataclasses.field(default_factory=list)
    arguments: list = dataclasses.field(default_factory=list)


CONFIGURATIONS = {
    "malloc": Configuration(["plugins/malloc/*.cpp"]),
    "null": Configuration(["plugins/null/*.cpp"]),
    "passthru": Configuration(["plugins/passthru/*.cpp"]),
    "readonly": Configuration(["plugins/readonly/*.cpp"]),
    "split": Configuration(["plugins/split/*.cpp"], arguments=["--option", "count=2"]),
    "trace": Configuration(["plugins/trace/*.cpp"], arguments=["--option", "path={scratch}/trace"]),
    "error": Configuration(["plugins/error/*.cpp"]),
    "delay": Configuration(["plugins/delay/*.cpp"],
                           arguments=[part for name in ["read", "write", "unmap", "flush", "other"]
                                      for part in ("--option", f"avg_{name}=300us")]),
    "crypto": Configuration(["plugins/crypto/*.cpp"], ["-l:libcrypto.a", "-Wl,--exclude-libs,ALL", "-lkeyutils"],
                            ["--option", "key_file={folder}/key", "--option", "unmap=true"]),
    "gpt": Configuration(["plugins/gpt/*.cpp"], ["-lisal"], ["--base-image", "{folder}/gpt.img"]),
    "uring": Configuration(["plugins/uring/*.cpp"], ["-luring"]),
    "xor": Configuration(["examples/modules/xor.cpp"]),
    "image": Configuration(["examples/modules/image.cpp"]),
}


@dataclasses.dataclass
class Mutant:
    name: str
    of: str
    file: str
    old: str
    new: str
    rules: str
    harmless: str = ""


MUTANTS = [
    # ---- malloc ----
    Mutant("malloc_reads_first_piece_again", "malloc", MALLOC, "from += piece.iov_len;", "", "data.iovecs"),
    Mutant("malloc_writes_pieces_over_one_another", "malloc", MALLOC, "to += piece.iov_len;", "", "data.iovecs"),
    Mutant("malloc_compares_pieces_with_the_first", "malloc", MALLOC, "ours += piece.iov_len;", "", "types.claimed"),
    Mutant("malloc_compare_is_inverted", "malloc", MALLOC, "piece.iov_base, piece.iov_len) != 0)",
           "piece.iov_base, piece.iov_len) == 0)", "types.claimed"),
    Mutant("malloc_copies_in_place", "malloc", MALLOC, "memory_.at(io->u.bdev.src_offset_blocks << block_shift_)",
           "start_of(io)", "types.claimed"),
    Mutant("malloc_copies_half", "malloc", MALLOC, "                             length_of(io));",
           "                             length_of(io) / 2);", "types.claimed"),
    Mutant("malloc_lends_the_first_block", "malloc", MALLOC, "set_buf(io.get(), start_of(io), length_of(io))",
           "set_buf(io.get(), memory_.at(4096), length_of(io))", "types.claimed"),
    Mutant("malloc_zeroes_each_step_at_the_start", "malloc", MALLOC, "(io.offset_blocks() + first) << block_shift_",
           "io.offset_blocks() << block_shift_", "data.zeroes"),
    Mutant("malloc_zeroes_a_block_less", "malloc", MALLOC, "count << block_shift_", "(count - 1) << block_shift_",
           "data.zeroes"),
    Mutant("malloc_claims_compare_and_write", "malloc", MALLOC, "IoType::compare, IoType::copy,",
           "IoType::compare, IoType::compare_and_write, IoType::copy,", "types.claimed"),
    Mutant("malloc_claims_seek", "malloc", MALLOC, "IoType::compare, IoType::copy,",
           "IoType::compare, IoType::seek_data, IoType::seek_hole, IoType::copy,", "types.claimed"),
    Mutant("malloc_reads_without_buffer", "malloc", MALLOC,
           "io.has_buffer() ? ch.transfer(io) : with_buffer<&Malloc::transfer>(io)", "ch.transfer(io)",
           "data.host_buffer"),
    Mutant("malloc_reset_forgets_zeroing", "malloc", MALLOC, "            zeroing_.abort_all();\n", "",
           "control.reset", "the zeroing goes on and ends, which a reset allows"),
    Mutant("malloc_swaps_read_and_write", "malloc", MALLOC, "== IoType::read ? read(io) : write(io)",
           "== IoType::write ? read(io) : write(io)", "data.roundtrip"),
    Mutant("malloc_discards_neighbours_before", "malloc", MEMORY, "(offset + page_size - 1) & ~(page_size - 1)",
           "offset & ~(page_size - 1)", "data.unmap"),
    Mutant("malloc_discards_neighbours_behind", "malloc", MEMORY, "const uint64_t end_of_pages = end & ~(page_size - 1);",
           "const uint64_t end_of_pages = (end + page_size - 1) & ~(page_size - 1);", "data.unmap"),
    Mutant("malloc_keeps_head_of_zeroed", "malloc", MEMORY, "        fill_with_zero(offset, first_page - offset);\n", "",
           "data.zeroes"),
    Mutant("malloc_keeps_tail_of_zeroed", "malloc", MEMORY, "        fill_with_zero(end_of_pages, end - end_of_pages);\n",
           "", "data.zeroes"),
    Mutant("malloc_keeps_short_zeroes", "malloc", MEMORY, "            fill_with_zero(offset, length);\n        else",
           "            return;\n        else", "data.zeroes"),
    Mutant("malloc_zeroes_beyond_the_range", "malloc", ZEROING,
           "std::min(blocks_per_step_, next.io.num_blocks() - next.done)", "blocks_per_step_", "data.zeroes"),
    Mutant("malloc_forgets_to_poll", "malloc", ZEROING, "        if (queue_.empty()) poller_.resume();\n", "",
           "data.zeroes"),
    Mutant("malloc_ends_zeroing_after_a_step", "malloc", ZEROING, "if (next.done == next.io.num_blocks()) {",
           "if (next.done != 0) {", "data.zeroes"),
    Mutant("malloc_ends_aborted_zeroing_twice", "malloc", ZEROING, "        queue_.erase(found);\n", "",
           "control.abort"),
    Mutant("malloc_loses_zeroing_at_reset", "malloc", ZEROING,
           "            zeroing.io.complete(bdevkit::IoStatus::aborted);\n    }\n\nprivate",
           "            static_cast<void>(zeroing);\n    }\n\nprivate", "control.reset"),
    Mutant("malloc_has_a_block_too_many", "malloc", "plugins/malloc/options.hpp",
           "bdev.blockcnt = given.size / given.block_size;", "bdev.blockcnt = given.size / given.block_size + 4096;",
           "data.roundtrip"),
    Mutant("malloc_takes_any_block_size", "malloc", "plugins/malloc/options.hpp",
           "    if (!std::has_single_bit(given.block_size))\n"
           "        throw Error(EINVAL, format(\"block_size is %u: give a power of two\", given.block_size));\n", "",
           "create.limits", "the check's own values for the option are powers of two, and so are those that users give"),
    # ---- batches (malloc, null) ----
    Mutant("batch_loses_io_beyond_the_first_group", "malloc", BATCH, "first += group)", "first += count)",
           "data.threads"),
    Mutant("batch_aborts_without_ending", "malloc", BATCH,
           "                    Io(io).complete(IoStatus::aborted);\n                    return true;",
           "                    return true;", "control.abort"),
    Mutant("batch_ends_aborted_io_twice", "malloc", BATCH, "                    slot = nullptr;\n", "", "control.abort"),
    Mutant("batch_reset_loses_io", "malloc", BATCH,
           "if (bdk_bdev_io* io = std::exchange(slot, nullptr)) Io(io).complete(IoStatus::aborted);",
           "slot = nullptr;", "control.reset"),
    Mutant("batch_never_wakes_up", "malloc", BATCH, "if (std::exchange(paused_, false)) poller_.resume();",
           "paused_ = false;", "io.completes"),
    Mutant("batch_does_no_work", "malloc", BATCH, "worker_.work(Io(ios[i]));", "static_cast<void>(ios);",
           "data.roundtrip"),
    # ---- null ----
    Mutant("null_has_no_end", "null", "plugins/null/null.cpp", "        ch.queue(io);\n    }\n\n    void prepare(Io) {}",
           "        if (io.type() != IoType::flush) ch.queue(io);\n    }\n\n    void prepare(Io) {}", "types.claimed"),
    Mutant("null_claims_compare", "null", "plugins/null/null.cpp", "IoType::reset, IoType::abort);",
           "IoType::reset, IoType::abort, IoType::nvme_admin);", "types.claimed"),
    # ---- virtual bdevs ----
    Mutant("virtual_outlives_its_base", "passthru", VIRTUAL, "void on_base_removed() { this->unregister(); }",
           "void on_base_removed() {}", "base.removed"),
    Mutant("virtual_claims_nothing", "passthru", VIRTUAL,
           "claim_(use == BaseUse::exclusive_write ? Claim(base_, module_of<Derived>()) : Claim())", "claim_()",
           "base.claim"),
    Mutant("virtual_says_it_has_every_type", "passthru", VIRTUAL, "return base_.io_type_supported(type);",
           "return base_.io_type_supported(type) || true;", "types.claimed"),
    Mutant("virtual_is_larger_than_its_base", "passthru", VIRTUAL, "shape.blockcnt = base_.num_blocks();",
           "shape.blockcnt = base_.num_blocks() + 1;", "data.roundtrip"),
    Mutant("virtual_has_the_uuid_of_its_base", "passthru", VIRTUAL, "        shape.uuid = own.uuid;\n", "",
           "create.defaults"),
    Mutant("virtual_ignores_a_larger_base", "passthru", VIRTUAL, "{ this->notify_resized(base_blocks); }", "{}",
           "base.resize", "a bdev may stay as it is when its base grows, as partitions do"),
    Mutant("virtual_shrinks_when_its_base_grows", "passthru", VIRTUAL, "{ this->notify_resized(base_blocks); }",
           "{ this->notify_resized(2 * base_blocks); }", "base.resize"),
    Mutant("virtual_never_ends_its_destruct", "passthru", VIRTUAL,
           "        base_.close();\n        this->finish_destruct();", "        base_.close();", "remove.idle"),
    Mutant("virtual_has_no_write_cache", "passthru", VIRTUAL, "        shape.internal = own.internal;\n",
           "        shape.internal = own.internal;\n        shape.flags &= ~uint32_t(BDK_BDEV_WRITE_CACHE);\n",
           "base.flush"),
    Mutant("virtual_says_it_takes_fua", "passthru", VIRTUAL, "        shape.internal = own.internal;\n",
           "        shape.internal = own.internal;\n        shape.flags |= BDK_BDEV_FUA;\n", "base.fua",
           "the I/O goes to the base with its flag, and the core of the base does what is needed"),
    Mutant("virtual_swaps_its_block_size", "passthru", VIRTUAL, "        shape.internal = own.internal;\n",
           "        shape.internal = own.internal;\n        shape.blocklen = 4096;\n", "data.roundtrip"),
    # ---- readonly ----
    Mutant("readonly_lets_writes_pass", "readonly", "plugins/readonly/readonly.cpp", "case IoType::read:",
           "case IoType::read:\n            case IoType::write:", "types.claimed"),
    Mutant("readonly_lets_zeroes_pass", "readonly", "plugins/readonly/readonly.cpp", "case IoType::read:",
           "case IoType::read:\n            case IoType::write_zeroes:", "types.claimed"),
    # ---- split and parts ----
    Mutant("split_parts_lie_on_one_another", "split", "plugins/split/split.cpp", "            offset += lengths[i];\n", "",
           "data.neighbours"),
    Mutant("split_parts_overlap_by_a_block", "split", "plugins/split/split.cpp", "offset += lengths[i];",
           "offset += lengths[i] - 1;", "data.neighbours"),
    Mutant("part_forgets_its_offset", "split", PART, "this->forward_shifted(ch, io, int64_t(offset_));",
           "this->forward(ch, io);", "data.neighbours"),
    Mutant("part_is_as_large_as_its_base", "split", PART, "        own.blockcnt = range.num_blocks;\n", "",
           "data.roundtrip"),
    Mutant("part_grows_over_its_neighbour", "split", PART, "void on_base_resized(uint64_t) {}",
           "void on_base_resized(uint64_t blocks) { this->notify_resized(blocks - offset_); }", "base.resize"),
    Mutant("part_claims_nothing", "split", PART, "BaseUse::shared_write, range.claim_key", "BaseUse::shared_read",
           "base.claim"),
    Mutant("shifted_forward_is_not", "split", VIRTUAL, "opts.offset_delta = delta;", "opts.offset_delta = delta / 2;",
           "data.neighbours"),
    # ---- transforms: xor and crypto ----
    Mutant("transform_hides_failed_writes", "xor", TRANSFORM, "io.complete_like(Io(base_io));", "io.complete();",
           "base.status"),
    Mutant("transform_hides_failed_reads", "xor", TRANSFORM,
           "        tell_done(io, success);\n        io.complete_like(io);",
           "        tell_done(io, success);\n        io.complete();", "base.status"),
    Mutant("transform_drops_fua", "xor", TRANSFORM, "        opts.flags = io->u.bdev.flags;\n", "", "base.fua"),
    Mutant("transform_leaks_bdev_ios", "xor", TRANSFORM, "        bdk_bdev_free_io(base_io);\n", "", "leak.bdev_io"),
    Mutant("transform_leaks_buffers", "xor", TRANSFORM,
           "            bdk_iobuf_put(context.channel->iobuf, context.copy.iov_base, context.copy.iov_len);",
           "            return;", "leak.iobuf"),
    Mutant("transform_decodes_scattered_blocks_nowhere", "xor", TRANSFORM,
           "        back.write(ch.block.data(), ch.block.size());\n", "", "data.iovecs"),
    Mutant("transform_passes_zeroes", "xor", TRANSFORM, "io_types(IoType::read, IoType::write, IoType::flush,",
           "io_types(IoType::read, IoType::write, IoType::write_zeroes, IoType::flush,", "data.zeroes"),
    Mutant("transform_passes_copy_and_compare", "xor", TRANSFORM,
           "io_types(IoType::read, IoType::write, IoType::flush,",
           "io_types(IoType::read, IoType::write, IoType::compare, IoType::flush,", "types.claimed"),
    Mutant("transform_encodes_the_callers_buffer", "xor", TRANSFORM,
           "            std::memcpy(end, piece.iov_base, piece.iov_len);\n",
           "            encode_with(ch, {static_cast<std::byte*>(piece.iov_base), piece.iov_len}, 0);\n"
           "            std::memcpy(end, piece.iov_base, piece.iov_len);\n", "data.buffers"),
    Mutant("transform_needs_a_buffer", "xor", TRANSFORM, "return this->template with_buffer<&TransformBdev::read>(io);",
           "return read(ch, io);", "data.host_buffer",
           harmless="the base gets the buffer then, and the bdev_io with it is the same"),
    Mutant("crypto_encodes_all_as_block_0", "crypto", TRANSFORM,
           "                        io.offset_blocks() * this->bdev().blocklen);", "                        0);",
           "data.roundtrip"),
    Mutant("crypto_decodes_at_the_first_block", "crypto", TRANSFORM, "            at += std::max(whole, block);\n",
           "            at += std::max(whole, block);\n            if (whole > block) at = end;\n", "data.iovecs"),
    Mutant("crypto_has_one_tweak_per_request", "crypto", "plugins/crypto/sector_cipher.hpp",
           "offset += sectors_.size)", "offset += 0)", "data.neighbours"),
    Mutant("crypto_leaves_the_last_sector_plain", "crypto", "plugins/crypto/sector_cipher.hpp",
           "for (; !data.empty();", "for (; data.size() > sectors_.size;", "data.neighbours",
           "reads and writes agree on it, unless they have other lengths: then it is found"),
    Mutant("crypto_reads_with_the_wrong_cipher", "crypto", "plugins/crypto/crypto.cpp",
           "ch.decryption.run(data, offset);", "ch.encryption.run(data, offset);", "data.roundtrip"),
    Mutant("cursor_forgets_where_it_was", "xor", CURSOR, "            at_ += length;\n", "", "data.iovecs"),
    Mutant("cursor_writes_the_same_again", "xor", CURSOR, "            from += length;\n", "", "data.iovecs"),
    # ---- delay ----
    Mutant("delay_hides_failures", "delay", "plugins/delay/delay_queue.hpp", "            io.complete_like(io);\n",
           "            io.complete();\n", "base.status"),
    Mutant("delay_loses_aborted_io", "delay", "plugins/delay/delay.cpp", "        target.complete(IoStatus::aborted);\n",
           "", "control.abort"),
    Mutant("delay_loses_io_at_reset", "delay", "plugins/delay/delay.cpp",
           "[](Io waiting) { waiting.complete(IoStatus::aborted); }", "[](Io) {}", "control.reset"),
    Mutant("delay_never_wakes_up", "delay", "plugins/delay/delay_queue.hpp", "if (left_us > watch_us)", "if (false)",
           "io.completes"),
    Mutant("delay_keeps_io_at_removal", "delay", "plugins/delay/delay.cpp",
           "Latencies(), [](Channel& ch) { ch.queue.remove_all([](Io io) { io.complete_like(io); }); },",
           "Latencies(), [](Channel& ch) { ch.queue.remove_all([](Io) {}); },", "remove.load"),
    # ---- error, trace, gpt ----
    Mutant("error_resets_twice", "error", "plugins/error/error.cpp", "            [&ch, io] { forward(ch, io); });\n    }",
           "            [&ch, io] { forward(ch, io); forward(ch, io); });\n    }", "io.once"),
    Mutant("trace_hides_failures", "trace", "plugins/trace/trace.cpp", "        io.complete_like(io);\n",
           "        io.complete();\n", "base.status"),
    Mutant("trace_ends_io_twice", "trace", "plugins/trace/trace.cpp", "        io.complete_like(io);\n",
           "        io.complete_like(io);\n        io.complete_like(io);\n", "io.once"),
    Mutant("gpt_begins_at_block_0", "gpt", "plugins/gpt/gpt.cpp", "part.offset_blocks = partition.first_block;",
           "part.offset_blocks = 0;", "create.again"),
    Mutant("gpt_never_ends_an_examination", "gpt", "plugins/gpt/gpt.cpp", "if (found.rc != 0) return done(0);",
           "if (found.rc != 0) return;", "examine.done"),
    # ---- uring and image ----
    Mutant("uring_swaps_read_and_write", "uring", URING, "reads ? IORING_OP_READ : IORING_OP_WRITE",
           "reads ? IORING_OP_WRITE : IORING_OP_READ", "data.roundtrip"),
    Mutant("uring_reads_where_it_should_write", "uring", URING, "reads ? IORING_OP_READV : IORING_OP_WRITEV",
           "IORING_OP_READV", "data.iovecs"),
    Mutant("uring_zeroes_twice_as_much", "uring", BLANK, "off_t(offset), off_t(step.length));",
           "off_t(offset), off_t(step.length) * 2);", "data.zeroes"),
    Mutant("uring_allocates_for_zeroes", "uring", BLANK, "return fallocate(FALLOC_FL_ZERO_RANGE);",
           "return fallocate(0);", "data.zeroes"),
    Mutant("uring_finds_holes_for_data", "uring", URING, "find(io.offset_blocks(), SEEK_DATA)",
           "find(io.offset_blocks(), SEEK_HOLE)", "types.claimed"),
    Mutant("uring_has_a_block_too_many", "uring", URING, "own.blockcnt = file_.size() >> block_shift_;",
           "own.blockcnt = (file_.size() >> block_shift_) + 1;", "data.roundtrip"),
    Mutant("uring_starts_a_block_late", "uring", URING, "(io.offset_blocks() << block_shift_) + context.done",
           "((io.offset_blocks() + 1) << block_shift_) + context.done", "data.roundtrip"),
    Mutant("image_writes_at_the_start", "image", "examples/modules/image.cpp", ".read(start_ + offset, length);",
           ".read(start_, length);", "data.roundtrip"),
    Mutant("image_leaks_its_mapping", "image", "examples/modules/image.cpp", "        munmap(start_, size_);\n", "",
           "leak.memory"),
    Mutant("image_leaks_its_file", "image", "examples/modules/image.cpp", "        close(file_);\n    }\n\n    void submit",
           "    }\n\n    void submit", "leak.fd"),
    Mutant("image_fails_to_zero", "image", "examples/modules/image.cpp", "fallocate(file_, mode, off_t(offset), off_t(length))",
           "fallocate(file_, mode, off_t(offset), off_t(length) / 2)", "data.zeroes"),
]
