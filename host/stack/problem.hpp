// SPDX-License-Identifier: BSD-3-Clause
// The problems of a stack file, with their places.
#pragma once

#include <string>
#include <vector>

namespace bdevkit::host {

/// A place in a file, counted from 1 as editors do; line 0: no place.
struct Location {
    int line = 0;
    int column = 0;
};

struct Problem {
    Location at;
    std::string message;
};

/// Thrown by Problems::add() when a file has so many problems that reading on is of no use.
struct TooManyProblems {};

/// Collects the problems of one file, so that a user sees all of them in one run.
class Problems {
public:
    static constexpr size_t limit = 1000;

    /// Throws TooManyProblems when `limit` is reached.
    void add(Location at, std::string message);
    bool empty() const { return problems_.empty(); }
    /// In the order of the file; problems without a place come first.
    std::vector<Problem> sorted() const;
    /// One line each: `file:line:column: message`. Messages may quote the file, so they are made printable.
    std::string format(const std::string& file) const;

private:
    std::vector<Problem> problems_;
};

}  // namespace bdevkit::host
