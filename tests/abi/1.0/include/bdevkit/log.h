/* SPDX-License-Identifier: BSD-3-Clause */
/** @file log.h Log lines. They carry time, level, thread, component and, from warnings on, the source line.
 */
#ifndef BDEVKIT_LOG_H
#define BDEVKIT_LOG_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

/** Levels of a log line. A host writes lines up to its level, which is `notice` unless it is told. */
#define BDK_LOG_ERROR 0u  /**< something has failed */
#define BDK_LOG_WARN 1u   /**< something is not as it should be, and goes on */
#define BDK_LOG_NOTICE 2u /**< what an operator wants to know */
#define BDK_LOG_INFO 3u   /**< what happens, step by step */
#define BDK_LOG_DEBUG 4u  /**< for the author of the code */

/**
 * [any thread] Writes one line if `level` is on. No caller waits for a slow reader of the log: a line that
 * finds no room is dropped and counted, and so are errors, warnings and notices beyond 100 of one place in a
 * second. Control characters are shown as text.
 * @param level      BDK_LOG_*
 * @param component  the module; "plugin" or NULL: the name of the caller's file
 * @param file       of the source: a literal, such as __FILE__, whose address tells one place from another;
 *                   NULL: no line is named
 * @param line       in that file
 * @param fmt        as printf; what it makes is copied. Line ends at its end are dropped
 */
BDK_API void bdk_log(uint32_t level, const char* component, const char* file, int32_t line, const char* fmt,
                     ...) __attribute__((format(printf, 5, 6)));

/** [any thread] As bdk_log(), for a finished text, which is copied: for languages that cannot call variadic
 * functions. */
BDK_API void bdk_log_text(uint32_t level, const char* component, const char* file, int32_t line,
                          const char* text);

/** [any thread] True when lines of `level` are written: ask before an expensive message. */
BDK_API bool bdk_log_enabled(uint32_t level);

/** The component of the macros below. Define it before this header is included. */
#ifndef BDK_LOG_COMPONENT
#define BDK_LOG_COMPONENT "plugin"
#endif
/** A line of each level; arguments as printf's, evaluated in any case. */
#define BDK_ERRLOG(...) bdk_log(BDK_LOG_ERROR, BDK_LOG_COMPONENT, __FILE__, __LINE__, __VA_ARGS__)
#define BDK_WARNLOG(...) bdk_log(BDK_LOG_WARN, BDK_LOG_COMPONENT, __FILE__, __LINE__, __VA_ARGS__)
#define BDK_NOTICELOG(...) bdk_log(BDK_LOG_NOTICE, BDK_LOG_COMPONENT, __FILE__, __LINE__, __VA_ARGS__)
#define BDK_INFOLOG(...) bdk_log(BDK_LOG_INFO, BDK_LOG_COMPONENT, __FILE__, __LINE__, __VA_ARGS__)
#define BDK_DEBUGLOG(...) bdk_log(BDK_LOG_DEBUG, BDK_LOG_COMPONENT, __FILE__, __LINE__, __VA_ARGS__)

BDK_C_END

#endif
