# Target `docs`: the reference of the headers in BUILD/docs/html. A warning of doxygen's is an error.
configure_file(docs/Doxyfile.in Doxyfile @ONLY)
add_custom_target(docs COMMAND doxygen ${CMAKE_CURRENT_BINARY_DIR}/Doxyfile COMMENT "docs/html/index.html" VERBATIM)
