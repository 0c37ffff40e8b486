{
  # Built by native/build from a directory of its own, in which src is a link to native/src.
  "variables": {
    "root%": "<!(cd .. && pwd)"
  },
  "targets": [
    {
      "target_name": "tracker",
      "sources": ["<!@(ls src/*.cc)"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "_GNU_SOURCE"],
      "cflags": ["-Wall", "-Wextra", "-Werror"],
      "cflags_cc": [
        "-std=c++17",
        "-isystem<(root)/node_modules/node-addon-api",
        "-I<(root)/kmod/include/uapi"
      ],
      "ldflags": ["-pthread"]
    }
  ]
}
