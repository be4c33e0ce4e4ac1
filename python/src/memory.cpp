// SPDX-License-Identifier: BSD-3-Clause
#include "memory.hpp"

#include <bdevkit/memory.h>
#include <fmt/format.h>
#include <pybind11/stl.h>

#include <bit>
#include <new>
#include <utility>

#include "held.hpp"
#include "number.hpp"

namespace bdevkit::python {

Memory::~Memory() {
    if (is_dma_) bdk_dma_free(address_);
}

std::shared_ptr<Memory> Memory::allocate(size_t length, size_t alignment) {
    if (length == 0 || !std::has_single_bit(alignment))
        throw py::value_error(
            fmt::format("expected a size above 0 and an alignment that is a power of two, got {} and {}",
                        length, alignment));
    void* address = bdk_dma_zmalloc(length, alignment, BDK_NUMA_ANY);
    if (address == nullptr) throw std::bad_alloc();
    return std::make_shared<Memory>(address, length, true);
}

void Memory::release() {
    if (views_ != 0) {
        PyErr_Format(PyExc_BufferError, "%zu views of this memory still exist: release them first", views_);
        throw py::error_already_set();
    }
    if (is_dma_) bdk_dma_free(address_);
    address_ = nullptr;
    length_ = 0;
}

int Memory::get_buffer(PyObject* self, Py_buffer* view, int flags) {
    try {
        auto& memory = py::cast<Memory&>(py::handle(self));
        if (memory.address_ == nullptr) {
            PyErr_SetString(PyExc_ValueError, "this memory has been released");
            return -1;
        }
        const auto length = static_cast<Py_ssize_t>(memory.length_);
        if (PyBuffer_FillInfo(view, self, memory.address_, length, 0, flags) != 0) return -1;
        ++memory.views_;
        return 0;
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_BufferError, error.what());
        return -1;
    }
}

void Memory::release_buffer(PyObject* self, Py_buffer*) {
    --py::cast<Memory&>(py::handle(self)).views_;
}

Borrowed::Borrowed(std::shared_ptr<OpenDesc> desc, bdk_bdev_io* io, const iovec* iovs, int32_t count)
    : desc_(std::move(desc)), io_(io) {
    for (int32_t i = 0; i < count; ++i)
        pieces_.push_back(std::make_shared<Memory>(iovs[i].iov_base, iovs[i].iov_len, false));
}

Borrowed::~Borrowed() {
    if (io_ == nullptr) return;
    const auto end_there = [](void* arg) {
        auto* io = static_cast<bdk_bdev_io*>(arg);
        const auto ended = [](bdk_bdev_io* ended_io, bool, void*) { bdk_bdev_free_io(ended_io); };
        if (bdk_bdev_zcopy_end(io, false, nullptr, ended, nullptr) != 0) bdk_bdev_free_io(io);
    };
    desc_->thread().send(end_there, io_);
}

bdk_bdev_io* Borrowed::take() {
    if (io_ == nullptr) throw py::value_error("this zcopy has already ended");
    for (const auto& piece : pieces_)
        piece->release();
    return std::exchange(io_, nullptr);
}

void bind_memory(py::module_& module) {
    const auto with_buffer_protocol = py::custom_type_setup([](PyHeapTypeObject* type) {
        type->as_buffer.bf_getbuffer = Memory::get_buffer;
        type->as_buffer.bf_releasebuffer = Memory::release_buffer;
        type->ht_type.tp_as_buffer = &type->as_buffer;
    });
    py::class_<Memory, std::shared_ptr<Memory>>(module, "Buffer", with_buffer_protocol,
                                                "Memory for data that devices may reach, zeroed; with the "
                                                "buffer protocol.\n\nBuffer(size, alignment=4096)")
        .def(py::init([](const py::object& size, const py::object& alignment) {
                 return Memory::allocate(whole_number(size, "size"), whole_number(alignment, "alignment"));
             }),
             py::arg("size"), py::arg("alignment") = 4096)
        .def("__len__", &Memory::length)
        .def("release", &Memory::release, "Releases the memory; raises BufferError while views of it exist.")
        .def_property_readonly(
            "address", [](const Memory& memory) { return reinterpret_cast<uintptr_t>(memory.address()); })
        .def("__repr__", [](const Memory& memory) {
            return fmt::format("<bdevkit.Buffer of {} bytes at {}>", memory.length(), memory.address());
        });
    py::class_<Borrowed, std::shared_ptr<Borrowed>>(module, "Borrowed")
        .def_property_readonly("pieces", &Borrowed::pieces);
}

}  // namespace bdevkit::python
