"""What programs take from `py4j`: the name of an error. There is no JVM, and no bridge to one."""
