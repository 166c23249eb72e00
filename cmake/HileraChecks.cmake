# check-headers: every header compiles alone; one beside a source of its name is compiled with that, as its first include.
# check-layers: includes point one way (daemon -> ingest, db -> greenrt), and a source's own header comes first.

file(GLOB HILERA_HEADERS RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS
  greenrt/*.h db/*.h ingest/*.h daemon/*.h daemon/*/*.h)

set(header_units)
foreach(header ${HILERA_HEADERS})
  string(REGEX REPLACE "\\.h$" ".cc" source ${header})
  if(EXISTS ${CMAKE_SOURCE_DIR}/${source})
    continue()
  endif()
  string(REPLACE "/" "__" unit ${header})
  set(unit ${CMAKE_BINARY_DIR}/header_units/${unit}.cc)
  file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${header}\"\n#include \"${header}\"\n")
  list(APPEND header_units ${unit})
endforeach()
add_library(check-headers OBJECT EXCLUDE_FROM_ALL ${header_units})
hilera_target_options(check-headers)
target_compile_options(check-headers PRIVATE -O0 -g0 -U_FORTIFY_SOURCE)
target_link_libraries(check-headers PRIVATE hilera_daemon hilera_ctl hilera_sim nlohmann_json::nlohmann_json deps::mariadb)

add_custom_target(check-layers
  COMMAND ${CMAKE_SOURCE_DIR}/tools/check-layers ${CMAKE_SOURCE_DIR}
  COMMENT "Includes point one way" VERBATIM)
