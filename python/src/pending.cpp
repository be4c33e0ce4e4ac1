// SPDX-License-Identifier: BSD-3-Clause
// `_core.Pending`: Python's handle of an I/O or batch under way. It supports blocking waits and await.
#include "pending.hpp"

#include <utility>

#include "python_lock.hpp"

namespace bdevkit::python {

namespace {

/// An await whose I/O is done need not go through the loop; but one in this many does, so that other tasks
/// run.
constexpr uint32_t turns_without_loop = 32;

/// Raises StopIteration(value), like a generator that returns `value`.
PyObject* stop_with(const py::object& value) {
    if (value.is_none()) return nullptr;
    PyObject* stop = PyObject_CallOneArg(PyExc_StopIteration, value.ptr());
    if (stop == nullptr) return nullptr;
    PyErr_SetObject(PyExc_StopIteration, stop);
    Py_DECREF(stop);
    return nullptr;
}

PyObject* self_as_iterator(PyObject* self) {
    Py_INCREF(self);
    return self;
}

PyObject* next(PyObject* self) {
    try {
        const py::object yielded = py::cast<Pending&>(py::handle(self)).step();
        if (yielded) return py::object(yielded).release().ptr();
        return stop_with(py::cast<Pending&>(py::handle(self)).take_result());
    } catch (py::error_already_set& error) {
        error.restore();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

}  // namespace

Pending::Pending(std::shared_ptr<Completion> completion) : completion_(std::move(completion)) {
    completion_->start();
}

Pending::~Pending() {
    if (completion_ != nullptr && !completion_->is_done()) completion_->abort();
}

py::object Pending::wait() {
    completion_->wait();
    return take_result();
}

py::object Pending::take_result() {
    return completion_->result();
}

py::object Pending::step() {
    static uint32_t turns = 0;  // guarded by the GIL
    if (future_) {
        if (completion_->is_done()) return {};
        throw py::value_error("this I/O is awaited elsewhere");
    }
    bool done = completion_->is_done();
    if (!done) {
        const WithoutGil without_gil;
        done = completion_->spin();
    }
    if (!done) {
        future_ = completion_->make_future();
        if (!future_.is_none()) {
            future_.attr("_asyncio_future_blocking") = true;
            return future_;
        }
    }
    if (yielded_ || ++turns % turns_without_loop != 0) return {};
    yielded_ = true;
    return py::none();
}

void bind_pending(py::module_& module) {
    const auto awaitable = py::custom_type_setup([](PyHeapTypeObject* type) {
        type->as_async.am_await = self_as_iterator;
        type->ht_type.tp_as_async = &type->as_async;
        type->ht_type.tp_iter = self_as_iterator;
        type->ht_type.tp_iternext = next;
    });
    py::class_<Pending>(module, "Pending", awaitable)
        .def("wait", &Pending::wait)
        .def("abort", [](Pending& pending) { pending.completion().abort(); })
        .def("done", [](Pending& pending) { return pending.completion().is_done(); });
    py::class_<LoopQueue, std::shared_ptr<LoopQueue>>(module, "LoopQueue")
        .def(py::init<>())
        .def("fileno", &LoopQueue::fd)
        .def("drain", &LoopQueue::drain);
}

}  // namespace bdevkit::python
