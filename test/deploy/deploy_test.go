// Package deploy tests what a user deploys and operates the function with: template.yaml, samconfig.toml, the
// Makefile's targets and the commands of docs/deploy.md. SAM's own CLI runs them, against ministack in place of AWS.
package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

const (
	region    = "us-east-1"
	accountID = "123456789012"
	stackName = "junction-refresh"
)

var root = must(filepath.Abs("../.."))

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// missing skips a test that lacks a tool. Under `make test`, which installs the tools, it fails the test.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("JUNCTION_REFRESH_TOOLS") == "required" {
		t.Fatalf("%s is missing", what)
	}
	t.Skipf("%s is missing; `make test` installs it", what)
}

// tool returns the path of the one file that a pattern below the repository matches.
func tool(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		missing(t, pattern)
	}
	return found[0]
}

// program returns the path of a program that the developer installed.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// startCloud starts a ministack of the test's own and returns its URL. SAM's transform, which it applies as
// CloudFormation does, comes with the SAM CLI.
func startCloud(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("ministack runs the built function, which is a Linux binary")
	}
	server, packages := tool(t, ".tools/ministack/bin/ministack"), tool(t, ".tools/venv/lib/python*/site-packages")
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	endpoint, home := fmt.Sprintf("http://127.0.0.1:%d", port), t.TempDir()
	p := exec.Command(server)
	p.Dir = home
	p.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "PYTHONPATH=" + packages, "LOG_LEVEL=WARNING",
		"BIND_HOST=127.0.0.1", "MINISTACK_HOST=localhost", fmt.Sprintf("GATEWAY_PORT=%d", port),
		"MINISTACK_ACCOUNT_ID=" + accountID, "AWS_DEFAULT_REGION=" + region, "AWS_ENDPOINT_URL=" + endpoint,
	}
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
		_ = p.Wait()
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(endpoint + "/_ministack/health")
		if err == nil {
			_ = resp.Body.Close()
			return endpoint
		}
	}
	t.Fatal("ministack does not answer")
	return ""
}

// repoClone is a fresh clone of the working tree, in which commands run.
type repoClone struct {
	dir      string
	env      []string
	cloud    string                  // the URL of ministack; "" before onCloud
	junction *junctiontest.Simulator // of a deployment
}

// newClone clones the working tree, with what is not committed yet.
func newClone(t *testing.T) *repoClone {
	t.Helper()
	c := &repoClone{dir: t.TempDir()}
	c.env = []string{
		"PATH=" + filepath.Dir(tool(t, ".tools/venv/bin/sam")) + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"SAM_CLI_TELEMETRY=0", "AWS_DEFAULT_REGION=" + region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_PAGER=",
		"AWS_EC2_METADATA_DISABLED=true", "GOFLAGS=" + os.Getenv("GOFLAGS"), "GIT_CONFIG_GLOBAL=" + os.DevNull,
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOTOOLCHAIN", "GOPROXY"} {
		c.env = append(c.env, name+"="+strings.TrimSpace(string(must(exec.Command("go", "env", name).Output()))))
	}
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	for _, name := range strings.Split(string(must(list.Output())), "\x00") {
		from := filepath.Join(root, name)
		if info, err := os.Lstat(from); name == "" || err != nil || !info.Mode().IsRegular() {
			continue // deleted and not yet committed, or a link to installed tools
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(c.dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		info := must(os.Stat(from))
		if err := os.WriteFile(filepath.Join(c.dir, name), must(os.ReadFile(from)), info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	c.run(t, "", "git", "init", "--quiet")
	c.run(t, "", "git", "add", ".")
	c.run(t, "", "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "--message", "clone")
	return c
}

// onCloud makes the commands of the checkout call ministack.
func (c *repoClone) onCloud(t *testing.T) *repoClone {
	t.Helper()
	c.cloud = startCloud(t)
	c.env = append(c.env, "AWS_ENDPOINT_URL="+c.cloud)
	return c
}

// try runs a command and returns what it printed.
func (c *repoClone) try(t *testing.T, stdin, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	for _, entry := range c.env { // the path of the command's own environment
		if path, found := strings.CutPrefix(entry, "PATH="); found && !strings.Contains(name, "/") {
			for _, dir := range filepath.SplitList(path) {
				if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
					command = exec.CommandContext(t.Context(), filepath.Join(dir, name), args...)
					break
				}
			}
		}
	}
	var out, said bytes.Buffer
	command.Dir, command.Env, command.Stdin, command.Stdout, command.Stderr = c.dir, c.env, strings.NewReader(stdin), &out, &said
	err = command.Run()
	return out.String(), said.String(), err
}

// run runs a command that must succeed, and returns its standard output.
func (c *repoClone) run(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	stdout, stderr, err := c.try(t, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout
}

// shadow makes the commands of the checkout run a shell script and then the program of this name, with the arguments that
// the script leaves. The function that it returns has all arguments with which the program was called.
func (c *repoClone) shadow(t *testing.T, name, script string) (arguments func() string) {
	t.Helper()
	bin := t.TempDir()
	script = "#!/bin/sh\nprintf '%s\\n' \"$@\" >>" + bin + "/arguments\n" + script + "\nexec " + program(t, name) + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, entry := range c.env {
		if path, found := strings.CutPrefix(entry, "PATH="); found {
			c.env[i] = "PATH=" + bin + string(os.PathListSeparator) + path
		}
	}
	return func() string { return string(must(os.ReadFile(filepath.Join(bin, "arguments")))) }
}

// bootstrap is where `sam build` puts the function.
func (c *repoClone) bootstrap() string {
	return filepath.Join(c.dir, ".aws-sam", "build", "RefreshFunction", "bootstrap")
}

// edit replaces text in a file of the checkout.
func (c *repoClone) edit(t *testing.T, name, from, to string) {
	t.Helper()
	path := filepath.Join(c.dir, name)
	text := string(must(os.ReadFile(path)))
	if strings.Count(text, from) != 1 {
		t.Fatalf("%s has %q %d times", name, from, strings.Count(text, from))
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replace replaces text in a file of the checkout, wherever it is.
func (c *repoClone) replace(t *testing.T, name, from, to string) {
	t.Helper()
	path := filepath.Join(c.dir, name)
	text := string(must(os.ReadFile(path)))
	if !strings.Contains(text, from) {
		t.Fatalf("%s does not have %q", name, from)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, from, to)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// script runs a Python script of this folder with the SAM CLI's packages, and decodes its output.
func script[T any](t *testing.T, stdin any, args ...string) T {
	t.Helper()
	command := exec.CommandContext(t.Context(), tool(t, ".tools/venv/bin/python"), args...)
	command.Env = append(os.Environ(), "AWS_DEFAULT_REGION="+region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")
	command.Stdin = bytes.NewReader(must(json.Marshal(stdin)))
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, &said)
	}
	var value T
	if err := json.Unmarshal(out, &value); err != nil {
		t.Fatalf("%v: %v in %s", args, err, out)
	}
	return value
}
