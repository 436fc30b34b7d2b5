"""evalgate decides with numbers: keep the prompt, ship the RAG, or ship the fine-tune?"""

__version__ = "0.1.0"
