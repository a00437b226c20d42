//go:build !linux

// Command bench measures the built function as Lambda runs it: on Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: Linux is needed, because Lambda runs it")
	os.Exit(2)
}
