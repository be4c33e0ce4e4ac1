// SPDX-License-Identifier: BSD-3-Clause
#include "held.hpp"

#include <atomic>
#include <iterator>
#include <mutex>
#include <utility>

#include "python_lock.hpp"

namespace bdevkit::python {

namespace {

struct LeftBehind {
    std::mutex mutex;
    std::vector<Py_buffer> views;
    std::vector<PyObject*> objects;
    std::atomic<bool> any{false};
};

/// Never destroyed, because a reactor may end an I/O while the process exits.
LeftBehind& left_behind() {
    static auto* instance = new LeftBehind;
    return *instance;
}

}  // namespace

Held::~Held() {
    if (views_.empty() && bytes_ == nullptr) return;
    if (has_gil()) {
        for (Py_buffer& view : views_)
            PyBuffer_Release(&view);
        Py_XDECREF(bytes_);
        return;
    }
    LeftBehind& left = left_behind();
    const std::lock_guard lock(left.mutex);
    left.views.insert(left.views.end(), views_.begin(), views_.end());
    if (bytes_ != nullptr) left.objects.push_back(bytes_);
    left.any = true;
}

iovec Held::add(py::handle object, bool writable) {
    Py_buffer view{};
    if (PyObject_GetBuffer(object.ptr(), &view, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) != 0)
        throw py::error_already_set();
    views_.push_back(view);
    return {view.buf, static_cast<size_t>(view.len)};
}

iovec Held::add_bytes(size_t length) {
    if (length > size_t{PY_SSIZE_T_MAX})
        PyErr_NoMemory();
    else
        bytes_ = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(length));
    if (bytes_ == nullptr) throw py::error_already_set();
    return {PyBytes_AS_STRING(bytes_), length};
}

py::object Held::take_bytes() {
    if (bytes_ == nullptr) return py::none();
    return py::reinterpret_steal<py::object>(std::exchange(bytes_, nullptr));
}

void release_left_behind() {
    LeftBehind& left = left_behind();
    if (!left.any.load(std::memory_order_relaxed)) return;
    std::vector<Py_buffer> views;
    std::vector<PyObject*> objects;
    {
        const std::lock_guard lock(left.mutex);
        views.swap(left.views);
        objects.swap(left.objects);
        left.any = false;
    }
    for (Py_buffer& view : views)
        PyBuffer_Release(&view);
    for (PyObject* object : objects)
        Py_DECREF(object);
}

}  // namespace bdevkit::python
