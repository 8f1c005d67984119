package site

// contentFile is the stack.yaml of the content stack of small.
const contentFile = "content/stack.yaml"
