package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// globals are runc's options before the subcommand that take a value.
// https://github.com/opencontainers/runc/blob/main/man/runc.8.md
var globals = []string{"--root", "--log", "--log-format", "--criu", "--rootless"}

// request is the file in which a call of runc asks for capabilities: the
// config.json of the bundle for create and run, the process file for exec, ""
// for all other calls.
func request(args []string) string {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if slices.Contains(globals, args[0]) && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return ""
	}
	switch command, rest := args[0], args[1:]; command {
	case "create", "run":
		// runc takes the directory that it is in when none is named.
		return filepath.Join(option(rest, "bundle", "b", "."), "config.json")
	case "exec":
		return option(rest, "process", "p", "")
	default:
		return ""
	}
}

// option is the value of a named option in any of the ways of writing it.
func option(args []string, long, short, otherwise string) string {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		name, value, joined := strings.Cut(arg, "=")
		if !slices.Contains([]string{"--" + long, "-" + long, "-" + short}, name) {
			continue
		}
		if joined {
			return value
		}
		if i+1 < len(args) {
			return args[i+1]
		}
	}
	return otherwise
}

// without takes the named capabilities off a container's configuration or off a
// process, which is a part of it. Everything else stays as it is; a request
// without any of them comes back byte for byte.
// https://github.com/opencontainers/runtime-spec/blob/main/config.md#linux-process
func without(asked []byte, drop []string) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(asked))
	decoder.UseNumber() // a limit of 2^63 is no float
	var config map[string]any
	if err := decoder.Decode(&config); err != nil {
		return nil, fmt.Errorf("not the JSON of a container or a process: %w", err)
	}
	process := config
	if inner, ok := config["process"].(map[string]any); ok {
		process = inner
	}
	sets, _ := process["capabilities"].(map[string]any)
	changed := false
	for set, value := range sets {
		names, _ := value.([]any)
		kept := slices.DeleteFunc(slices.Clone(names), func(name any) bool {
			text, _ := name.(string)
			return slices.Contains(drop, text)
		})
		if len(kept) != len(names) {
			sets[set] = kept
			changed = true
		}
	}
	if !changed {
		return asked, nil
	}
	return json.Marshal(config)
}
