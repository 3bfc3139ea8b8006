"""Mail: what a message says, a contract for who takes it, a mail server and a folder that do."""
