# What `cmake --install` gives: the program, the library, headers, plugins and the pkg-config file.
install(TARGETS bdevkit RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS bdevkit_sdk LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS malloc null passthru readonly LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/bdevkit/plugins)
install(DIRECTORY sdk/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# The file finds the rest from where it stands, so that an installation may be moved.
file(RELATIVE_PATH pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
configure_file(cmake/bdevkit.pc.in bdevkit.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bdevkit.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

file(GLOB man1 docs/man/*.1)
install(FILES ${man1} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
file(GLOB man5 docs/man/*.5)
install(FILES ${man5} DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
