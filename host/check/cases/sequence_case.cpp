// SPDX-License-Identifier: BSD-3-Clause
// I/O of all types in any order, and across the seams between the parts of a bdev.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>

#include "check/block_model.hpp"
#include "check/case_stage.hpp"
#include "check/pattern.hpp"

namespace bdevkit::host {

namespace {

/// Clients of one bdev on two threads.
struct Users {
    Users(Stage& stage, const std::string& bdev, bdk_thread* other)
        : one(stage, bdev), two(stage, bdev, other) {}
    CheckClient& nth(uint64_t n) { return n % 2 == 0 ? one : two; }
    CheckClient one, two;
};

void need_data(CheckClient& client) {
    need_plain_blocks(client);
    if (!client.is_writable()) throw NotApplicable{"the bdev cannot be written"};
    if (!keeps_data(client)) throw NotApplicable{"reads leave the buffer unchanged, as on a null disk"};
}

/// A model of `units` units in the middle, or of the whole bdev if it is smaller.
BlockModel model_of(CheckClient& client, uint64_t units) {
    const uint64_t all = client.num_blocks() / client.unit();
    units = std::min(units, all);
    return {client, (all - units) / 2 * client.unit(), units * client.unit()};
}

/// Reads everything outside the model's range once, so that caches drop the range.
void read_elsewhere(CheckClient& client) {
    constexpr uint64_t most = 64 << 20;
    const uint64_t step =
        std::max<uint64_t>(client.unit(), (1 << 20) / client.block_size() / client.unit() * client.unit());
    const uint64_t end = std::min(client.num_blocks(), most / client.block_size()) / step * step;
    for (uint64_t block = 0; block < end; block += step)
        static_cast<void>(read(client, block, step));
}

using Change = void (BlockModel::*)(CheckClient&, uint64_t, uint64_t);

/// A change of each length at each place, among known data that was read before.
void try_changes(Users& users, Change change) {
    constexpr uint64_t units = 300;
    BlockModel model = model_of(users.one, units);
    uint64_t seed = 900;
    for (const uint64_t length : {1, 2, 17, 257}) {
        for (const uint64_t at : {uint64_t{0}, uint64_t{7}, units - length}) {
            if (at + length > model.units()) continue;
            CheckClient &by = users.nth(seed), &other = users.nth(seed + 1);
            model.write(by, 0, model.units(), seed);
            model.read_edges(by, at, length);
            model.read_edges(other, at, length);
            (model.*change)(by, at, length);
            model.read_edges(other, at, length);
            model.read_edges(by, at, length);
            model.read_all(by);
            model.write(by, at, 1, ++seed);
            model.read_edges(other, at, length);
        }
    }
    read_elsewhere(users.one);
    model.read_all(users.one);
}

/// A change that a module may make in steps.
void try_long_change(Users& users, Change change) {
    constexpr uint64_t longest = 17 << 20;
    const uint64_t unit_bytes = users.one.unit() * users.one.block_size();
    BlockModel model = model_of(users.one, longest / unit_bytes);
    constexpr uint64_t edge = 3;
    if (model.units() <= 2 * edge) return;
    for (uint64_t at = 0; at < model.units(); at += std::min<uint64_t>(512, model.units() - at))
        model.write(users.one, at, std::min<uint64_t>(512, model.units() - at), at + 950);
    (model.*change)(users.one, edge, model.units() - 2 * edge);
    for (uint64_t at = 0; at < model.units(); at += std::min<uint64_t>(512, model.units() - at))
        model.read(users.two, at, std::min<uint64_t>(512, model.units() - at));
}

void check_zeroes(Users& users) {
    if (!users.one.supports(BDK_BDEV_IO_TYPE_WRITE_ZEROES))
        throw NotApplicable{"the bdev has no write_zeroes"};
    try_changes(users, &BlockModel::zero);
    try_long_change(users, &BlockModel::zero);
}

void check_unmap(Users& users) {
    if (!users.one.supports(BDK_BDEV_IO_TYPE_UNMAP)) throw NotApplicable{"the bdev has no unmap"};
    try_changes(users, &BlockModel::unmap);
    try_long_change(users, &BlockModel::unmap);
}

/// One change, chosen by a seed.
void change(CheckClient& by, BlockModel& model, uint64_t at, uint64_t units, std::mt19937_64& random) {
    const uint64_t from = random() % (model.units() - units + 1);
    const bool apart = from + units <= at || at + units <= from;
    const uint64_t kind = random() % 5;
    if (kind == 0 && by.supports(BDK_BDEV_IO_TYPE_WRITE_ZEROES)) return model.zero(by, at, units);
    if (kind == 1 && by.supports(BDK_BDEV_IO_TYPE_UNMAP)) return model.unmap(by, at, units);
    if (kind == 2 && by.supports(BDK_BDEV_IO_TYPE_COPY) && apart) return model.copy(by, at, from, units);
    model.write(by, at, units, random());
}

/// One step of a sequence: a read, or a change of blocks that are read before and after it.
void step(Users& users, BlockModel& model, std::mt19937_64& random) {
    CheckClient &by = users.nth(random()), &reader = users.nth(random());
    const uint64_t longest = random() % 4 == 0 ? model.units() : std::min<uint64_t>(8, model.units());
    const uint64_t units = 1 + random() % longest, at = random() % (model.units() - units + 1);
    if (random() % 2 == 0) return model.read(by, at, units);
    if (random() % 2 == 0) model.read_edges(reader, at, units);
    change(by, model, at, units, random);
    if (random() % 2 == 0) model.read_edges(reader, at, units);
}

void check_sequence(Users& users) {
    constexpr int steps = 500;
    std::mt19937_64 random(7);
    for (const uint64_t units : {5, 16, 300}) {
        BlockModel model = model_of(users.one, units);
        for (int i = 0; i < steps; i++)
            step(users, model, random);
        model.read_all(users.one);
        model.read_all(users.two);
    }
}

// ---- seams ----

constexpr uint64_t reach_of_seam = 24;  ///< units that are tried on each side

/// The index of the base that a read of that block reaches first; the number of bases if it reaches none.
size_t base_of(CheckClient& client, uint64_t block) {
    const auto& bases = client.stage().bases();
    std::vector<uint64_t> before;
    before.reserve(bases.size());
    for (const CheckingBdev* base : bases)
        before.push_back(base->reads);
    static_cast<void>(read(client, block, 1));
    for (size_t i = 0; i < bases.size(); i++)
        if (bases[i]->reads != before[i]) return i;
    return bases.size();
}

/// Places where another base begins, found by bisection, and places that the sizes of bdev and bases suggest.
std::set<uint64_t> seams(CheckClient& client) {
    const uint64_t units = client.num_blocks() / client.unit();
    std::set<uint64_t> found;
    uint64_t low = 0, high = units - 1;
    const size_t first = base_of(client, 0);
    if (base_of(client, high * client.unit()) != first) {
        while (high - low > 1) {
            const uint64_t middle = low + (high - low) / 2;
            (base_of(client, middle * client.unit()) == first ? low : high) = middle;
        }
        found.insert(high);
    }
    uint64_t end = 0;
    for (CheckingBdev* base : client.stage().bases()) {
        end += bdk_bdev_get_num_blocks(base->handle());
        found.insert(end / client.unit());
    }
    const uint64_t boundary = bdk_bdev_get_optimal_io_boundary(client.bdev());
    if (boundary != 0)
        for (const uint64_t times : {uint64_t{1}, uint64_t{2}, client.num_blocks() / boundary - 1})
            found.insert(times * boundary / client.unit());
    if (units > 2 * reach_of_seam) found.insert(units - reach_of_seam);  // up to the last block
    std::erase_if(found, [&](uint64_t seam) { return seam == 0 || seam >= units; });
    return found;
}

/// I/O of one unit and of many, before, across and after the place.
void try_seam(Users& users, uint64_t seam) {
    CheckClient& client = users.one;
    const uint64_t units = client.num_blocks() / client.unit();
    const uint64_t reach = std::min({reach_of_seam, seam, units - seam});
    BlockModel model(client, (seam - reach) * client.unit(), 2 * reach * client.unit());
    uint64_t seed = seam;
    for (uint64_t unit = 0; unit < model.units(); unit++)
        model.write(client, unit, 1, seed++);
    model.read_all(client);
    for (const uint64_t length : {uint64_t{2}, uint64_t{3}, uint64_t{8}, reach + 1, 2 * reach}) {
        for (const uint64_t before : {uint64_t{1}, length / 2, length - 1}) {
            if (length > 2 * reach || before > reach || length - before > reach) continue;
            model.write(users.nth(seed), reach - before, length, seed);
            seed++;
            for (uint64_t unit = 0; unit < model.units(); unit++)
                model.read(client, unit, 1);
            model.read(client, reach - before, length);
            if (client.supports(BDK_BDEV_IO_TYPE_WRITE_ZEROES)) model.zero(client, reach - before, length);
            model.read_all(client);
            if (client.supports(BDK_BDEV_IO_TYPE_UNMAP)) model.unmap(client, reach - before, length);
            model.read_all(users.two);
        }
    }
}

void check_seams_here(Users& users) {
    for (const uint64_t seam : seams(users.one))
        try_seam(users, seam);
}

/// With bases of the same size and, if the module accepts that, of different sizes.
void check_seams(Stage& stage, bdk_thread* other) {
    need_base(stage);
    const uint64_t size = stage.options().base_size;
    const size_t count = stage.bases().size();
    const uint64_t step = 16 * uint64_t{stage.options().base_block_size};
    for (const bool same : {true, false}) {
        if (!same && count == 1) return;
        if (!same) stage.drop_bases();
        stage.set_next_bases(
            same ? std::vector<uint64_t>{} : std::vector<uint64_t>{size / 2 + step, size / 2 - step}, false);
        if (!same && stage.create("checked", stage.settings()) != 0) return;
        if (!same) stage.remove_all();
        const CheckedBdev bdev(stage);
        Users users(stage, bdev.name(), other);
        need_data(users.one);
        check_seams_here(users);
    }
}

}  // namespace

void run_sequence_case(CaseContext& context) {
    with_stage(context, {.reactors = 2}, [&](Stage& stage) {
        bdk_thread* other = stage.new_thread("other", 1);
        const std::pair<const char*, void (*)(Users&)> steps[] = {
            {"data.zeroes", check_zeroes}, {"data.unmap", check_unmap}, {"data.sequence", check_sequence}};
        for (const auto& [rule, fn] : steps)
            context.recorder.step(rule, [&, fn = fn] {
                const CheckedBdev bdev(stage);
                Users users(stage, bdev.name(), other);
                need_data(users.one);
                fn(users);
            });
        context.recorder.step("data.seams", [&] { check_seams(stage, other); });
    });
}

}  // namespace bdevkit::host
