# What is installed, and the Debian package: `cpack -G DEB` in a build folder. tools/package builds it so that the same
# sources make the same bytes.

find_program(GZIP gzip REQUIRED)
find_program(PYTHON python3 REQUIRED)

# hilera_compressed(SOURCE NAME): gzip without a time, as Debian wants manual pages and changelogs.
function(hilera_compressed source name)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/doc/${name}.gz
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/doc
    COMMAND ${GZIP} -9 --no-name --stdout ${source} > ${CMAKE_BINARY_DIR}/doc/${name}.gz
    DEPENDS ${source} VERBATIM)
  set(HILERA_DOCS ${HILERA_DOCS} ${CMAKE_BINARY_DIR}/doc/${name}.gz PARENT_SCOPE)
endfunction()

add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/hilera.yaml.5
  COMMAND ${PYTHON} ${CMAKE_SOURCE_DIR}/man/config-page ${CMAKE_SOURCE_DIR}/config/hilera.yaml
          > ${CMAKE_BINARY_DIR}/hilera.yaml.5
  DEPENDS ${CMAKE_SOURCE_DIR}/man/config-page ${CMAKE_SOURCE_DIR}/config/hilera.yaml VERBATIM)

hilera_compressed(${CMAKE_SOURCE_DIR}/man/hilerad.8 hilerad.8)
hilera_compressed(${CMAKE_SOURCE_DIR}/man/hileractl.1 hileractl.1)
hilera_compressed(${CMAKE_SOURCE_DIR}/man/hilera-sim.1 hilera-sim.1)
hilera_compressed(${CMAKE_BINARY_DIR}/hilera.yaml.5 hilera.yaml.5)
hilera_compressed(${CMAKE_SOURCE_DIR}/packaging/changelog changelog.Debian)
add_custom_target(docs ALL DEPENDS ${HILERA_DOCS})

set(doc ${CMAKE_BINARY_DIR}/doc)

# What the programs are made of. Made at the installation, when no compiler is at work.
set(sbom_build)
if(CMAKE_GENERATOR STREQUAL Ninja)
  set(sbom_build --build ${CMAKE_BINARY_DIR})
endif()
install(CODE "execute_process(
  COMMAND ${CMAKE_SOURCE_DIR}/tools/sbom --version ${PROJECT_VERSION} ${sbom_build}
    $<TARGET_FILE:hilerad> $<TARGET_FILE:hileractl> $<TARGET_FILE:hilera-sim>
  OUTPUT_FILE ${doc}/hilera.cdx.json COMMAND_ERROR_IS_FATAL ANY)")
install(FILES ${doc}/hilera.cdx.json DESTINATION share/doc/hilera)

install(TARGETS hilerad hileractl hilera-sim DESTINATION bin)
install(FILES ${doc}/hilerad.8.gz DESTINATION share/man/man8)
install(FILES ${doc}/hileractl.1.gz ${doc}/hilera-sim.1.gz DESTINATION share/man/man1)
install(FILES ${doc}/hilera.yaml.5.gz DESTINATION share/man/man5)
install(FILES ${doc}/changelog.Debian.gz packaging/copyright packaging/README.Debian DESTINATION share/doc/hilera)

# The documents, and every file that they link to, in the folders that they have here, so that the links hold.
file(GLOB documents RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS README.md docs/*.md)
set(unread ${documents})
while(unread)
  list(POP_FRONT unread page)
  cmake_path(GET page PARENT_PATH folder)
  install(FILES ${page} DESTINATION share/doc/hilera/${folder})
  if(NOT page MATCHES "[.]md$")
    continue()
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})
  file(READ ${page} text)
  string(REGEX MATCHALL "\\([A-Za-z0-9_./-]+" links "${text}")
  foreach(link ${links})
    string(SUBSTRING ${link} 1 -1 link)
    cmake_path(APPEND folder ${link} OUTPUT_VARIABLE linked)
    cmake_path(NORMAL_PATH linked)
    if(EXISTS ${CMAKE_SOURCE_DIR}/${linked} AND NOT IS_DIRECTORY ${CMAKE_SOURCE_DIR}/${linked} AND
       NOT linked IN_LIST documents)
      list(APPEND documents ${linked})
      list(APPEND unread ${linked})
    endif()
  endforeach()
endwhile()

install(FILES config/schema.sql config/purge.sql config/alerts.yml config/grafana/hilera.json DESTINATION share/hilera)
install(FILES config/hilera.yaml DESTINATION /etc/hilera)
install(FILES systemd/hilera.service systemd/hilera@.service systemd/hilera.socket systemd/hilera-purge.service
  systemd/hilera-purge.timer DESTINATION lib/systemd/system)
install(FILES systemd/hilera.sysusers DESTINATION lib/sysusers.d RENAME hilera.conf)
install(FILES systemd/hilera.tmpfiles DESTINATION lib/tmpfiles.d RENAME hilera.conf)
foreach(program hilerad hileractl hilera-sim)
  install(FILES packaging/completion.bash DESTINATION share/bash-completion/completions RENAME ${program})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hilera)
set(CPACK_PACKAGE_VENDOR "The Hilera authors")
set(CPACK_PACKAGE_CONTACT "The Hilera authors <hilera@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "collector of UDP telemetry frames")
set(CPACK_PACKAGE_DESCRIPTION "Hilera receives the UDP frames that devices in the field send, such as
trackers, meters or gateways, and stores them in MariaDB: in order for each
device, each exactly once, and acknowledged only after they are safe in a
journal on this host. It goes on receiving while the database is away.
.
This package has the daemon (hilerad), its control program (hileractl), a
simulated fleet of devices (hilera-sim) and units for systemd.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};hilera;ALL;/")
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
  "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles, init-system-helpers (>= 1.54~)")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "mariadb-server, prometheus, bash-completion")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${CMAKE_SOURCE_DIR}/packaging/conffiles ${CMAKE_SOURCE_DIR}/packaging/postinst
  ${CMAKE_SOURCE_DIR}/packaging/prerm ${CMAKE_SOURCE_DIR}/packaging/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
include(CPack)
