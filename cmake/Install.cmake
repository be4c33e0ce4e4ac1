# What `cmake --install` gives: the program, the library, headers, plugins and the pkg-config file.
install(TARGETS bdevkit RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS bdevkit_sdk LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY sdk/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

configure_file(cmake/bdevkit.pc.in bdevkit.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bdevkit.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
