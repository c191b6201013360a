"""Conversations: sessions and the tree of messages in each."""
