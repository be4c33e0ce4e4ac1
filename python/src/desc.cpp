// SPDX-License-Identifier: BSD-3-Clause
// `_core.Desc`: an open desc. bdevkit/_desc.py gives it the names of the operations.
#include "desc.hpp"

#include <bdevkit/zone.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "batch.hpp"
#include "errors.hpp"
#include "memory.hpp"
#include "number.hpp"
#include "pending.hpp"
#include "request.hpp"

namespace bdevkit::python {

namespace {

using Desc = std::shared_ptr<OpenDesc>;

/// Converts bytes to blocks.
uint64_t blocks_of(const OpenDesc& desc, uint64_t bytes, const char* what) {
    if (bytes % desc.block_size() == 0) return bytes / desc.block_size();
    raise_error(EINVAL,
                fmt::format("{} {} is not a multiple of the block size {} of bdev '{}'", what, bytes,
                            desc.block_size(), desc.bdev()),
                desc.bdev());
}

/// Converts a caller's number of bytes to blocks.
uint64_t blocks(const OpenDesc& desc, const py::handle& given, const char* what) {
    return blocks_of(desc, whole_number(given, what, desc.bdev()), what);
}

uint64_t length_in_blocks(const OpenDesc& desc, uint64_t bytes) {
    if (bytes != 0) return blocks_of(desc, bytes, "length");
    raise_error(EINVAL, "a length of 0 bytes", desc.bdev());
}

Pending read(const Desc& desc, const py::object& offset, const py::object& given_length) {
    const uint64_t length = whole_number(given_length, "length", desc->bdev());
    auto request = std::make_shared<Request>(desc, Operation{.type = BDK_BDEV_IO_TYPE_READ,
                                                             .offset = blocks(*desc, offset, "offset"),
                                                             .length = length_in_blocks(*desc, length)});
    request->operation().data = request->held().add_bytes(length);
    return Pending(std::move(request));
}

/// An operation on the caller's data: read_into, write, compare.
Pending with_data(const Desc& desc, uint32_t type, const py::object& offset, const py::object& data,
                  uint32_t flags, const py::object& metadata) {
    auto request = std::make_shared<Request>(
        desc, Operation{.type = type, .flags = flags, .offset = blocks(*desc, offset, "offset")});
    const bool writable = type == BDK_BDEV_IO_TYPE_READ;
    Operation& operation = request->operation();
    operation.data = request->held().add(data, writable);
    operation.length = length_in_blocks(*desc, operation.data.iov_len);
    if (metadata.is_none()) return Pending(std::move(request));
    operation.metadata = request->held().add(metadata, writable);
    const uint64_t expected = operation.length * desc->md_size();
    if (operation.metadata.iov_len != expected)
        raise_error(
            EINVAL,
            fmt::format("expected {} bytes of metadata, got {}", expected, operation.metadata.iov_len),
            desc->bdev());
    return Pending(std::move(request));
}

Pending compare_and_write(const Desc& desc, const py::object& offset, const py::object& expected,
                          const py::object& data) {
    auto request = std::make_shared<Request>(desc, Operation{.type = BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE,
                                                             .offset = blocks(*desc, offset, "offset")});
    Operation& operation = request->operation();
    operation.data = request->held().add(expected, false);
    operation.second = request->held().add(data, false);
    if (operation.data.iov_len != operation.second.iov_len)
        raise_error(EINVAL, "the expected data and the new data must have the same length", desc->bdev());
    operation.length = length_in_blocks(*desc, operation.data.iov_len);
    return Pending(std::move(request));
}

/// An operation on a range, or without a range.
Pending on_range(const Desc& desc, uint32_t type, const py::object& offset, const py::object& length,
                 const py::object& source, uint32_t flags) {
    return Pending(std::make_shared<Request>(desc, Operation{.type = type,
                                                             .flags = flags,
                                                             .offset = blocks(*desc, offset, "offset"),
                                                             .length = blocks(*desc, length, "length"),
                                                             .source = blocks(*desc, source, "source")}));
}

Pending zones(const Desc& desc, const py::object& first, const py::object& given_count) {
    const auto count = static_cast<uint32_t>(whole_number(given_count, "count", desc->bdev(), UINT32_MAX));
    auto request = std::make_shared<Request>(desc, Operation{.type = BDK_BDEV_IO_TYPE_GET_ZONE_INFO,
                                                             .offset = blocks(*desc, first, "offset"),
                                                             .zones = count});
    request->operation().data = request->held().add_bytes(count * sizeof(bdk_bdev_zone_info));
    return Pending(std::move(request));
}

/// @param action  BDK_BDEV_ZONE_*
Pending manage_zone(const Desc& desc, const py::object& zone, uint32_t action) {
    return Pending(std::make_shared<Request>(desc, Operation{.type = BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT,
                                                             .offset = blocks(*desc, zone, "offset"),
                                                             .zones = action}));
}

/// @param data bytes to send, a length to receive, a writable buffer for either, or None
Pending nvme(const Desc& desc, uint32_t type, const py::object& command, const py::object& data,
             const py::object& metadata) {
    auto request = std::make_shared<Request>(desc, Operation{.type = type});
    Operation& operation = request->operation();
    const iovec bytes = request->held().add(command, false);
    if (bytes.iov_len != operation.command.size())
        raise_error(EINVAL, fmt::format("an NVMe command has 64 bytes, not {}", bytes.iov_len), desc->bdev());
    std::memcpy(operation.command.data(), bytes.iov_base, bytes.iov_len);
    if (py::isinstance<py::int_>(data)) {
        operation.data = request->held().add_bytes(whole_number(data, "data", desc->bdev()));
    } else if (!data.is_none()) {
        operation.data = request->held().add(data, !py::isinstance<py::bytes>(data));
    }
    if (!metadata.is_none()) operation.metadata = request->held().add(metadata, true);
    return Pending(std::move(request));
}

Pending zcopy_end(Borrowed& borrowed, bool commit) {
    auto request = std::make_shared<Request>(
        borrowed.desc(),
        Operation{.type = BDK_BDEV_IO_TYPE_ZCOPY, .flags = commit ? uint32_t{BDK_BDEV_IO_ZCOPY_COMMIT} : 0});
    request->operation().borrowed = borrowed.take();
    return Pending(std::move(request));
}

/// Offsets in blocks. The argument is an array of 64-bit integers, such as numpy's, or any iterable.
std::vector<uint64_t> offsets_in_blocks(const OpenDesc& desc, const py::object& offsets) {
    std::vector<uint64_t> result;
    if (PyObject_CheckBuffer(offsets.ptr()) != 0) {
        const py::buffer_info info = py::reinterpret_borrow<py::buffer>(offsets).request();
        const bool integers = info.format.size() == 1 && std::strchr("lLqQ", info.format[0]) != nullptr;
        if (!integers || info.itemsize != 8 || info.ndim != 1 || info.strides[0] != 8)
            throw py::type_error(
                "offsets: expected a contiguous array of 64-bit integers, as from numpy.arange()");
        const auto* first = static_cast<const uint64_t*>(info.ptr);
        result.assign(first, first + info.size);
        const bool has_sign = std::strchr("lq", info.format[0]) != nullptr;
        const auto negative = std::ranges::find_if(result, [](uint64_t bits) { return int64_t(bits) < 0; });
        if (has_sign && negative != result.end())
            whole_number(py::int_(int64_t(*negative)), "offset", desc.bdev());
    } else {
        for (const py::handle offset : offsets)
            result.push_back(whole_number(offset, "offset", desc.bdev()));
    }
    for (uint64_t& offset : result)
        offset = blocks_of(desc, offset, "offset");
    return result;
}

/// read_many and write_many.
Pending many(const Desc& desc, uint32_t type, const py::object& offsets, const py::object& given_length,
             const py::object& data, const py::object& given_depth) {
    const uint64_t length = whole_number(given_length, "length", desc->bdev());
    const size_t depth = whole_number(given_depth, "depth", desc->bdev());
    std::vector<uint64_t> places = offsets_in_blocks(*desc, offsets);
    size_t bytes = 0;
    if (__builtin_mul_overflow(places.size(), length, &bytes))
        raise_error(EINVAL, fmt::format("{} times {} bytes: no memory is that long", places.size(), length),
                    desc->bdev());
    auto batch =
        std::make_shared<EqualBatch>(desc, type, std::move(places), length_in_blocks(*desc, length), depth);
    const iovec memory = data.is_none() ? batch->held().add_bytes(bytes)
                                        : batch->held().add(data, type == BDK_BDEV_IO_TYPE_READ);
    if (memory.iov_len != bytes)
        raise_error(EINVAL, fmt::format("expected memory of {} bytes, got {}", bytes, memory.iov_len),
                    desc->bdev());
    batch->set_data(memory);
    return Pending(std::move(batch));
}

/// One tuple (name, ...) of a batch.
Operation operation_of(const OpenDesc& desc, const py::sequence& item, Held& held) {
    const auto name = item[0].cast<std::string>();
    Operation operation{.type = bdk_bdev_io_type_from_name(name.c_str())};
    const auto number = [&](size_t i, const char* what) {
        return item.size() > i ? whole_number(py::object(item[i]), what, desc.bdev()) : 0;
    };
    operation.offset = blocks_of(desc, number(1, "offset"), "offset");
    switch (operation.type) {
        case BDK_BDEV_IO_TYPE_READ:
            operation.length = length_in_blocks(desc, number(2, "length"));
            operation.data = held.add_bytes(number(2, "length"));
            break;
        case BDK_BDEV_IO_TYPE_WRITE:
        case BDK_BDEV_IO_TYPE_COMPARE:
            operation.data = held.add(item[2], false);
            operation.length = length_in_blocks(desc, operation.data.iov_len);
            break;
        case BDK_BDEV_IO_TYPE_COPY:
            operation.source = blocks_of(desc, number(2, "source"), "source");
            operation.length = length_in_blocks(desc, number(3, "length"));
            break;
        case BDK_BDEV_IO_TYPE_UNMAP:
        case BDK_BDEV_IO_TYPE_FLUSH:
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
            operation.length = length_in_blocks(desc, number(2, "length"));
            break;
        default:
            throw py::value_error("'" + name +
                                  "' in a batch: expected read, write, compare, copy, unmap, flush or "
                                  "write_zeroes");
    }
    return operation;
}

Pending batch(const Desc& desc, const py::iterable& items, const py::object& given_depth) {
    const size_t depth = whole_number(given_depth, "depth", desc->bdev());
    std::vector<Operation> operations;
    std::vector<std::unique_ptr<Held>> held;
    for (const py::handle item : items) {
        held.push_back(std::make_unique<Held>());
        operations.push_back(operation_of(*desc, py::reinterpret_borrow<py::sequence>(item), *held.back()));
    }
    return Pending(std::make_shared<MixedBatch>(desc, std::move(operations), std::move(held), depth));
}

}  // namespace

void bind_desc(py::module_& module) {
    py::class_<OpenDesc, Desc>(module, "Desc")
        .def_property_readonly("id", &OpenDesc::id)
        .def_property_readonly("bdev", &OpenDesc::bdev)
        .def_property_readonly("writable", &OpenDesc::writable)
        .def_property_readonly("block_size", &OpenDesc::block_size)
        .def_property_readonly("md_size", &OpenDesc::md_size)
        .def_property_readonly("num_blocks", &OpenDesc::num_blocks)
        .def_property_readonly("zone_size", &OpenDesc::zone_size)
        .def_property_readonly("is_open", &OpenDesc::is_open)
        .def("close", &OpenDesc::close)
        .def("read", read)
        .def("with_data", with_data)
        .def("compare_and_write", compare_and_write)
        .def("on_range", on_range)
        .def("zones", zones)
        .def("manage_zone", manage_zone)
        .def("nvme", nvme)
        .def("zcopy_end",
             [](const Desc&, Borrowed& borrowed, bool commit) { return zcopy_end(borrowed, commit); })
        .def("many", many)
        .def("batch", batch);
}

}  // namespace bdevkit::python
