package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// root is the repository: the nearest folder above the test's own that has a go.mod.
var root = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	panic("the tests do not run inside the repository")
})

// Path returns the absolute path of a file of the repository.
func Path(elements ...string) string {
	return filepath.Join(root(), filepath.FromSlash(filepath.Join(elements...)))
}

// ReadFile returns a file of the repository.
func ReadFile(t *testing.T, path string) string {
	t.Helper()
	return string(Must(os.ReadFile(Path(path)))(t))
}

// Missing skips a test that lacks a tool, or fails it if every tool is required.
func Missing(t *testing.T, what string) {
	t.Helper()
	if toolsRequired() {
		t.Fatalf("%s is missing", what)
	}
	t.Skipf("%s is missing; `make test` installs it", what)
}

func toolsRequired() bool { return os.Getenv("JUNCTION_REFRESH_TOOLS") == "required" }

// Need returns the path of a program that a developer has to install.
func Need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name)
	}
	return path
}

// Tool returns the absolute path of the first file of the repository that matches a pattern.
func Tool(t *testing.T, what, pattern string) string {
	t.Helper()
	found := Must(filepath.Glob(Path(pattern)))(t)
	if len(found) == 0 {
		Missing(t, what+" ("+pattern+")")
	}
	return found[0]
}

// Python returns the Python that has the tests' packages.
func Python(t *testing.T) string {
	t.Helper()
	return Tool(t, "the tests' Python", ".tools/venv/bin/python")
}

// Node returns Node, if these npm packages are installed.
func Node(t *testing.T, packages ...string) string {
	t.Helper()
	for _, name := range packages {
		Tool(t, name+" for Node", "test/node/node_modules/"+name+"/package.json")
	}
	return Need(t, "node")
}

// Moto returns moto's server.
func Moto(t *testing.T) string {
	t.Helper()
	return Tool(t, "moto", ".tools/venv/bin/moto_server")
}

// Ministack returns the stand-in of SQS, EventBridge, CloudFormation and Lambda. Moto handles only 40 messages
// per second, and has no event source mapping without Docker.
func Ministack(t *testing.T) string {
	t.Helper()
	if own, err := exec.LookPath("ministack"); err == nil && !toolsRequired() {
		return own
	}
	return Tool(t, "ministack", ".tools/ministack/bin/ministack")
}

// emulatorProgram returns AWS's Runtime Interface Emulator, which comes with the SAM CLI.
func emulatorProgram(t *testing.T) string {
	t.Helper()
	return Tool(t, "the Runtime Interface Emulator", ".tools/venv/lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-"+Arch)
}

// needDynamoDBLocal skips a test if DynamoDB Local is not installed, even if tools are required: it needs Java
// and Maven, which are optional. Moto's DynamoDB does not keep up with as many callers.
func needDynamoDBLocal(t *testing.T) {
	t.Helper()
	jars := Must(filepath.Glob(Path(".tools/dynamodb/DynamoDBLocal-*.jar")))(t)
	if _, err := exec.LookPath("java"); err != nil || len(jars) == 0 {
		t.Skip("DynamoDB Local is missing; with Java 17 and Maven `make test` installs it")
	}
}
