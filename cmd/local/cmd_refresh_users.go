package main

import (
	"bufio"
	"io"
	"os"
	"regexp"
	"strings"
)

// clientPrefix marks an app's own ID on the command line.
const clientPrefix = "client:"

// users returns the users of the command line and of the file, each once, in their order.
func (r *refreshCommand) users(c *console) ([]string, error) {
	users := r.Users
	if r.File != "" {
		in := c.stdin
		if r.File != "-" {
			file, err := os.Open(r.File)
			if err != nil {
				return nil, usagef("cannot read the users: %v", err)
			}
			defer func() { _ = file.Close() }()
			in = file
		}
		more, err := readUsers(in)
		if err != nil {
			return nil, usagef("cannot read the users: %v", err)
		}
		users = append(users, more...)
	}
	if len(users) == 0 {
		return nil, usagef("no users: name at least one, or a file of users with -f")
	}
	return unique(users), nil
}

var comment = regexp.MustCompile(`(^|\s)#.*`)

// readUsers reads one user per line.
func readUsers(in io.Reader) ([]string, error) {
	var users []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := strings.TrimPrefix(lines.Text(), "\ufeff") // a byte order mark, with which Windows editors begin a file
		if user := strings.TrimSpace(comment.ReplaceAllString(line, "")); user != "" {
			users = append(users, user)
		}
	}
	return users, lines.Err()
}

// unique drops repeated users. The case of a Junction ID does not matter; that of an app's own ID does.
func unique(users []string) []string {
	seen := make(map[string]bool, len(users))
	var kept []string
	for _, user := range users {
		key := user
		if !strings.HasPrefix(user, clientPrefix) {
			key = strings.ToLower(user)
		}
		if !seen[key] {
			seen[key] = true
			kept = append(kept, user)
		}
	}
	return kept
}
