"""When and where: one thin flow a file. What they do is in casemill.operations, under the same name."""
