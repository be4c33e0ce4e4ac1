// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "frontends/nbd/nbd_request.hpp"

namespace bdevkit::host::nbd {

/// [one bdk thread] Requests that are reused, last in, first out.
class RequestPool {
public:
    Request& get() {
        if (free_.empty()) {
            all_.push_back(std::make_unique<Request>());
            free_.push_back(all_.back().get());
        }
        Request& request = *free_.back();
        free_.pop_back();
        return request;
    }

    void put(Request& request) {
        request.clear();
        free_.push_back(&request);
    }

    /// Frees all requests, if all have been returned.
    void trim() {
        if (free_.size() != all_.size()) return;
        free_.clear();
        all_.clear();
    }

private:
    std::vector<std::unique_ptr<Request>> all_;
    std::vector<Request*> free_;
};

}  // namespace bdevkit::host::nbd
